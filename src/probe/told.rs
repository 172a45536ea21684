//! How many workers a target says that it has.

use super::ready::origin_and_path;
use crate::{error::Result, load::Asker, model::WorkersTold};
use serde_json::Value;
use std::{
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Where it is asked, and which number of its answer counts.
#[derive(Clone, Debug)]
pub struct WorkersQuestion {
    asker: Asker,
    path: String,
    /// RFC 6901; empty for the whole answer.
    pointer: String,
}

impl WorkersQuestion {
    /// # Errors
    /// [`crate::error::Error::Usage`] for what is not a URL.
    pub fn new(url: &str, pointer: &str) -> Result<Self> {
        let (origin, path) = origin_and_path(url);
        Ok(Self { asker: Asker::new(origin, PATIENCE)?, path: path.to_owned(), pointer: pointer.to_owned() })
    }

    /// What the target says now. A connection that fails says nothing of workers: it is asked again for a while.
    pub fn ask(&self) -> WorkersTold {
        let deadline = Instant::now() + PATIENCE;
        let told = loop {
            match self.asker.ask("GET", &self.path, "") {
                Ok(told) => break told,
                Err(_) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(error) => return WorkersTold::Nothing(format!("{}: {error}", self.path)),
            }
        };
        if !(200..=299).contains(&told.status) {
            return WorkersTold::Nothing(format!("{}: HTTP {}", self.path, told.status));
        }
        match count(&told.body, &self.pointer) {
            Ok(count) => WorkersTold::Count(count),
            Err(why) => WorkersTold::Nothing(format!("{}: {why}", self.path)),
        }
    }
}

/// The number at that place; a text of digits is one too.
fn count(body: &[u8], pointer: &str) -> Result<u32, String> {
    let json: Value = serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))?;
    let value = json.pointer(pointer).ok_or_else(|| format!("the answer has nothing at {pointer}"))?;
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| format!("what the answer has at `{pointer}` is not a number of workers"))
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn the_number_at_a_pointer() {
        for (body, pointer, found) in [
            ("4", "", Some(4)),
            (r#"{"gomaxprocs": 2}"#, "/gomaxprocs", Some(2)),
            (r#"{"a/b": [{"n": "3"}]}"#, "/a~1b/0/n", Some(3)),
            (r#"{"n": 1.5}"#, "/n", None),
            (r#"{"n": -1}"#, "/n", None),
            (r#"{"n": {}}"#, "/n", None),
            ("{}", "/n", None),
            ("<html>", "", None),
        ] {
            assert_eq!(count(body.as_bytes(), pointer).ok(), found, "{body}");
        }
    }
}
