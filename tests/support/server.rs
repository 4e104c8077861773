//! A real HTTP server on loopback that answers as it is told, counts what it is asked, and knows
//! how many requests are in flight.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers with status, further header lines, and body.
    Answer(u16, String, Vec<u8>),
    /// Answers with a status and with the head of the request.
    Echo(u16),
    /// Waits, in milliseconds, then does the other thing.
    After(u64, Box<Act>),
    /// Waits until this many requests are in flight, then does the other thing.
    Until(usize, Box<Act>),
    /// Waits until somebody says so, then does the other thing.
    Held(Arc<AtomicBool>, Box<Act>),
    /// Streams pieces of a body, each after a pause in milliseconds, and ends it properly or cuts it.
    Stream { pieces: Vec<(u64, String)>, cut: bool },
    /// Closes the connection without a word.
    Close,
    /// Sends a JSON body in two halves, with a pause in milliseconds before each.
    Drip(u64, String),
    /// Promises a longer body than it sends.
    Half(String),
    /// Sends these bytes as they are, then resets the connection.
    Reset(Vec<u8>),
    /// Sends these bytes as they are, then closes the connection properly.
    Bytes(Vec<u8>),
    /// Never answers.
    Hang,
}

/// What the server has seen.
#[derive(Default)]
struct Seen {
    bodies: Mutex<Vec<String>>,
    heads: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

/// The server; it ends with the process.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Seen>,
}

/// Decides on an act from the number of the request, from 0, its path, and its body.
type Script = dyn Fn(usize, &str, &str) -> Act + Send + Sync;

impl Server {
    /// Starts a server.
    pub(crate) fn start(
        script: impl Fn(usize, &str, &str) -> Act + Send + Sync + 'static,
    ) -> Server {
        let seen = Arc::new(Seen::default());
        let (script, state): (Arc<Script>, _) = (Arc::new(script), seen.clone());
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                send.send(listener.local_addr().expect("an address")).expect("a listener");
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    tokio::spawn(serve(stream, script.clone(), state.clone()));
                }
            });
        });
        let address = receive.recv().expect("the server starts");
        Server { url: format!("http://{address}"), seen }
    }

    /// Starts a server that answers every request with a text, in the form of OpenAI.
    pub(crate) fn saying(text: &'static str) -> Server {
        Server::start(move |_, _, _| answer(text))
    }

    /// Returns the bodies of all requests so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.seen.bodies.lock().expect("no panic").clone()
    }

    /// Returns the heads of all requests so far: the first line, and the headers.
    #[allow(dead_code, reason = "the benchmarks use none of it")]
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().expect("no panic").clone()
    }

    /// Returns the most requests that were in flight at once.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.seen.most.load(Ordering::SeqCst)
    }
}

/// An answer in the form of OpenAI.
pub(crate) fn answer(text: &str) -> Act {
    finished(text, "stop")
}

/// An answer in the form of OpenAI that ended for a reason.
pub(crate) fn finished(text: &str, reason: &str) -> Act {
    let body = serde_json::json!({
        "model": "served-1",
        "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": reason }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5 },
    });
    json(200, body.to_string())
}

/// A JSON body with a status.
pub(crate) fn json(status: u16, body: impl Into<String>) -> Act {
    let body: String = body.into();
    Act::Answer(status, "content-type: application/json\r\n".into(), body.into_bytes())
}

/// A refusal in the form of OpenAI.
pub(crate) fn refusal(status: u16, message: &str) -> Act {
    json(status, serde_json::json!({ "error": { "message": message } }).to_string())
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, seen: Arc<Seen>) {
    let mut buffer = Vec::new();
    while let Some((head, body)) = read(&mut stream, &mut buffer).await {
        let path = head.split(' ').nth(1).unwrap_or("").to_owned();
        seen.heads.lock().expect("no panic").push(head.clone());
        let number = {
            let mut bodies = seen.bodies.lock().expect("no panic");
            bodies.push(body.clone());
            bodies.len() - 1
        };
        let now = seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(now, Ordering::SeqCst);
        let act = match script(number, &path, &body) {
            Act::Echo(status) => {
                Act::Answer(status, "content-type: text/plain\r\n".into(), head.into_bytes())
            }
            other => other,
        };
        let goes_on = perform(&mut stream, act, &seen).await;
        seen.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !goes_on {
            return;
        }
    }
}

/// Reads one request: its head and its body.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                })
                .unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
                buffer.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Does what it was told; says whether the connection continues.
async fn perform(stream: &mut TcpStream, act: Act, seen: &Seen) -> bool {
    match act {
        Act::After(ms, act) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Box::pin(perform(stream, *act, seen)).await
        }
        Act::Until(count, act) => {
            while seen.most.load(Ordering::SeqCst) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Box::pin(perform(stream, *act, seen)).await
        }
        Act::Held(goes_on, act) => {
            while !goes_on.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Box::pin(perform(stream, *act, seen)).await
        }
        Act::Echo(_) => unreachable!("it was made an answer"),
        Act::Answer(status, headers, body) => {
            let head =
                format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
            let mut all = head.into_bytes();
            all.extend(body);
            stream.write_all(&all).await.is_ok()
        }
        Act::Stream { pieces, cut } => {
            let head = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\
                        transfer-encoding: chunked\r\n\r\n";
            let mut sound = stream.write_all(head.as_bytes()).await.is_ok();
            for (ms, piece) in pieces {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                sound = sound && stream.write_all(chunk.as_bytes()).await.is_ok();
            }
            sound && !cut && stream.write_all(b"0\r\n\r\n").await.is_ok()
        }
        Act::Drip(ms, body) => {
            let head = format!(
                "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let mut sound = stream.write_all(head.as_bytes()).await.is_ok();
            for half in [&body[..body.len() / 2], &body[body.len() / 2..]] {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                sound = sound && stream.write_all(half.as_bytes()).await.is_ok();
            }
            sound
        }
        Act::Half(body) => {
            let head = format!(
                "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len() + 100
            );
            // The cut is the point: whether the half arrives makes no difference.
            let _ = stream.write_all(head.as_bytes()).await;
            false
        }
        Act::Reset(bytes) => {
            // Whatever arrives of it before the reset: the reset is the point.
            let _ = stream.write_all(&bytes).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            stream.set_zero_linger().expect("an open connection");
            false
        }
        Act::Bytes(bytes) => {
            // A client that has heard enough may have gone.
            let _ = stream.write_all(&bytes).await;
            false
        }
        Act::Close => false,
        Act::Hang => std::future::pending().await,
    }
}
