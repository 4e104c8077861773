//! A real browser: Chromium without a window, driven through chromedriver by the WebDriver protocol.

use crate::support::process::until;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longest wait for anything that a page does.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often chromedriver is started until it listens.
const STARTS_MAX: usize = 5;

/// What a developer does to have these tests run.
const MISSING: &str = "skipped: no chromedriver (apt install chromium chromium-driver)";

/// A browser with one tab. It ends when this is dropped, also after a failed test.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser. Where there is none, says so and returns `None`; with `KAIZEN_BROWSER=required`,
    /// as in CI, that is a failure.
    pub(crate) fn start() -> Option<Browser> {
        Browser::through(None)
    }

    /// Starts a browser that asks a proxy for every host but this computer, if one is named.
    #[allow(clippy::print_stdout, reason = "whoever runs the tests is told why none of these ran")]
    pub(crate) fn through(proxy: Option<&str>) -> Option<Browser> {
        // It ends at once where the port that it was given is taken in the other family of addresses.
        let (driver, port) = (0..STARTS_MAX)
            .find_map(|_| match start_driver() {
                Ok(mut driver) => port_of(&mut driver).map(|port| (Some(driver), port)),
                Err(error) if error.kind() == ErrorKind::NotFound => Some((None, 0)),
                Err(error) => panic!("chromedriver: {error}"),
            })
            .expect("chromedriver listens");
        let Some(driver) = driver else {
            let is_required =
                std::env::var_os("KAIZEN_BROWSER").is_some_and(|word| word == "required");
            assert!(!is_required, "{MISSING}");
            println!("{MISSING}");
            return None;
        };

        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut browser = Browser { driver, port, session: String::new(), profile };
        browser.session = browser.new_session(proxy);
        Some(browser)
    }

    fn new_session(&self, proxy: Option<&str>) -> String {
        let profile = self.profile.path().display();
        let mut arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,860",
            format!("--user-data-dir={profile}"),
            // No other name than this computer's leads anywhere.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ]);
        if let (Some(proxy), Value::Array(arguments)) = (proxy, &mut arguments) {
            arguments.push(format!("--proxy-server={proxy}").into());
        }
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let wanted = json!({ "capabilities": { "alwaysMatch": options } });
        let made = self.ask("POST", "/session", &wanted);
        made["sessionId"].as_str().expect("a session").to_owned()
    }

    /// Opens an address.
    pub(crate) fn open(&self, address: &str) {
        self.tell("url", &json!({ "url": address }));
    }

    /// Runs a function body in the page, and returns what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.tell("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression of the page is true.
    pub(crate) fn wait(&self, expression: &str) {
        let script = format!("return Boolean({expression});");
        until(PATIENCE, expression, || self.run(&script) == json!(true));
    }

    /// Waits until a page is shown complete.
    pub(crate) fn ready(&self, page: &str) {
        self.wait(&format!("document.documentElement.dataset.ready === '{page}'"));
    }

    /// Presses and releases a key: a character, or one of the keys of WebDriver.
    pub(crate) fn press(&self, key: &str) {
        let strokes =
            json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let actions = json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] });
        self.tell("actions", &actions);
    }

    /// Shows pages in a width and a theme, without regard to the window.
    pub(crate) fn show_as(&self, width: u32, theme: &str) {
        let metrics =
            json!({ "width": width, "height": 860, "deviceScaleFactor": 1, "mobile": false });
        self.devtool("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.devtool("Emulation.setEmulatedMedia", &features);
    }

    /// Uses the DevTools protocol.
    pub(crate) fn devtool(&self, command: &str, params: &Value) -> Value {
        self.tell("goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    fn tell(&self, what: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{what}", self.session), body)
    }

    /// Asks chromedriver, and returns the value of its answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut socket =
            TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let text = body.to_string();
        let length = text.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", self.port);
        let rest =
            format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{text}");
        socket.write_all(format!("{head}{rest}").as_bytes()).expect("a request");

        let answer = read_body(&mut BufReader::new(socket));
        let answer: Value = serde_json::from_slice(&answer).expect("chromedriver answers in JSON");
        let value = answer["value"].clone();
        assert!(value.get("error").is_none(), "{path}: {value}");
        value
    }
}

fn start_driver() -> std::io::Result<Child> {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// Reads the port out of what chromedriver prints, or returns `None` if it ends first. The port in its first
/// line is the wanted one, 0.
fn port_of(driver: &mut Child) -> Option<u16> {
    let mut lines = BufReader::new(driver.stdout.take().expect("stdout"));
    loop {
        let mut line = String::new();
        let length = lines.read_line(&mut line).expect("chromedriver prints its port");
        if length == 0 {
            driver.wait().expect("it has ended");
            return None;
        }

        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let port = port.trim().trim_end_matches('.');
            // What it prints later is read away, so that it never waits for a full pipe.
            let mut rest = lines;
            let port = port.parse().expect("a port");
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut rest, &mut std::io::sink());
            });
            return Some(port);
        }
    }
}

/// Reads the body of an HTTP answer that says its length.
fn read_body(answer: &mut impl BufRead) -> Vec<u8> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line).expect("a header");
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }

    let mut body = vec![0; length];
    answer.read_exact(&mut body).expect("a body");
    body
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; without this it would outlive its driver.
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let children = crate::support::process::children(self.driver.id());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        for child in children {
            let _ = nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL);
        }
    }
}
