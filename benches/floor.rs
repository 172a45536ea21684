//! The least that a client can do: one send and one receive a request, on connections that are kept; nothing is parsed,
//! timed or counted but the answers. `benches/load` sets ours beside it.
//!
//! usage: floor ADDRESS CONNECTIONS SECONDS     prints how many requests were answered

use std::{
    error::Error,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

const BODY: &str = r#"{"model": "openai/mock-chat-model", "messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 50}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, seconds] = arguments.as_slice() else {
        return Err("usage: floor ADDRESS CONNECTIONS SECONDS".into());
    };
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let mut streams = Vec::new();
    for _ in 0..connections.parse()? {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let (mut buffer, mut answered) = (vec![0; 64 << 10], 0_u64);
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    while Instant::now() < end {
        for stream in &mut streams {
            stream.write_all(request.as_bytes())?;
        }
        for stream in &mut streams {
            // The servers beside which it runs answer in one write, which loopback does not split.
            if stream.read(&mut buffer)? == 0 {
                return Err("the server has closed a connection".into());
            }
            answered += 1;
        }
    }
    println!("{answered}");
    Ok(())
}
