CREATE TABLE items AS
    SELECT id, 'item ' || id AS name, id % 97 AS price FROM generate_series(0, 99999) AS id;

ALTER TABLE items ADD PRIMARY KEY (id);

