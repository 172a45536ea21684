// Hands each request on to the backend, and its answer back, in as many processes as WEB_CONCURRENCY says.
"use strict";
const cluster = require("node:cluster");
const http = require("node:http");

const backend = process.env.BACKEND;
const workers = Number(process.env.WEB_CONCURRENCY ?? 1);
const agent = new http.Agent({ keepAlive: true });

function handOn(request, response) {
  const headers = {};
  for (const name of ["content-type", "content-length"]) {
    if (request.headers[name]) headers[name] = request.headers[name];
  }
  const onward = http.request(backend + request.url, { agent, method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, { "content-type": answer.headers["content-type"] });
    answer.pipe(response);
  });
  onward.on("error", (error) => {
    if (!response.headersSent) response.writeHead(502);
    response.end(`${error.message}\n`);
  });
  request.pipe(onward);
}

function serve(request, response) {
  if (request.url === "/health") {
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"status":"ok"}');
  } else {
    handOn(request, response);
  }
}

if (cluster.isPrimary) {
  for (let worker = 0; worker < workers; worker += 1) cluster.fork();
} else {
  http.createServer(serve).listen(8000, "0.0.0.0");
}
