//! Whom the server refuses: everything that another page, another host or a stranger can send.

use super::Page;
use crate::support::Project;
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;

fn page() -> (Project, Page) {
    let project = Project::new();
    project.file("s.rhai", "print(1);");
    assert_eq!(project.kaizen(&["run", "s.rhai", "-q"]).code, Some(0));
    let page = Page::of(&project);
    (project, page)
}

#[test]
fn a_rebinding_host_is_refused_in_each_spelling() {
    let (_project, page) = page();
    let port = page.port;
    let hosts = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::ffff:7f00:1]:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        String::new(),
    ];

    for host in hosts {
        let headers = [format!("host: {host}"), format!("x-kaizen: {}", page.token)];
        for path in ["/", "/api/hello", "/words"] {
            let reply = page.send(&format!("GET {path}"), &headers, "");
            // What is no host at all is refused before anything reads it.
            assert!([421, 400].contains(&reply.status), "{host} {path}: {reply:?}");
        }
    }

    let none = page.send("GET /api/hello", &[format!("x-kaizen: {}", page.token)], "");
    assert_eq!(none.status, 421, "{none:?}");
}

#[test]
fn without_the_token_nothing_is_told() {
    let (_project, page) = page();
    let host = format!("host: localhost:{}", page.port);
    let none = page.send("GET /api/hello", std::slice::from_ref(&host), "");
    assert_eq!(
        (none.status, none.json()),
        (
            401,
            json!({
                "error": "the token is missing, or belongs to an earlier `kaizen ui`",
                "help": "open the newest link that `kaizen ui` printed",
            })
        )
    );

    let wrong = "x-kaizen: 00000000000000000000000000000000".to_owned();
    assert_eq!(page.send("GET /api/hello", &[host.clone(), wrong], "").status, 401);
    let cookie = format!("cookie: x-kaizen={}; t={}", page.token, page.token);
    assert_eq!(page.send("GET /api/hello", &[host.clone(), cookie], "").status, 401);
    let unknown = page.send("GET /api/nothing", std::slice::from_ref(&host), "");
    assert_eq!(unknown.status, 401, "not even what there is: {unknown:?}");
}

#[test]
fn a_token_in_the_address_is_refused() {
    let (_project, page) = page();
    let path = format!("GET /api/hello?t={}", page.token);
    assert_eq!(page.send(&path, &page.own(), "").status, 400);
    assert_eq!(page.send(&path, &page.own()[..1], "").status, 400);
}

#[test]
fn another_origin_is_refused_with_the_token_too() {
    let (_project, page) = page();
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"] {
        let headers = [page.own(), vec![format!("origin: {origin}")]].concat();
        assert_eq!(page.send("GET /api/hello", &headers, "").status, 403, "{origin}");
    }

    for site in ["cross-site", "same-site", "none"] {
        let mut headers = page.own();
        headers[2] = format!("sec-fetch-site: {site}");
        assert_eq!(page.send("GET /api/hello", &headers, "").status, 403, "{site}");
    }
}

#[test]
fn nothing_is_done_but_for_json_of_the_page() {
    let (project, page) = page();
    let body = r#"{"run":"@","text":"hi"}"#;
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let headers = [page.own(), vec![format!("content-type: {kind}")]].concat();
        assert_eq!(page.send("POST /api/note", &headers, body).status, 415, "{kind}");
    }
    assert_eq!(page.send("POST /api/note", &page.own(), body).status, 415);

    for path in ["note", "label", "verdict", "stop", "answer", "report"] {
        assert_eq!(page.get(&format!("/api/{path}")).status, 405, "GET {path}");
    }
    let odd = page.post("/api/note", &json!({ "run": "@", "text": "x", "more": 1 }));
    assert_eq!(odd.status, 422, "{odd:?}");
    let shown = project.kaizen(&["show", "@"]);
    assert!(!shown.stdout.contains("hi"), "{}", shown.stdout);
}

#[test]
fn no_answer_may_be_framed_sniffed_or_read_elsewhere() {
    let (_project, page) = page();
    for path in ["/", "/api/hello", "/words", "/nothing"] {
        let reply = page.get(path);
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(reply.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");

        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
    let policy = page.get("/").header("content-security-policy").to_owned();
    assert_eq!(
        policy,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
}

#[test]
fn a_request_that_is_too_large_is_refused_and_the_server_lives() {
    let (_project, page) = page();
    let long = [page.own(), vec![format!("x-more: {}", "a".repeat(1_000_000))]].concat();
    let reply = page.send("GET /api/hello", &long, "");
    assert!([0, 431].contains(&reply.status), "{}", reply.status);

    let text = "a".repeat(200_000);
    let large = page.post("/api/note", &json!({ "run": "@", "text": text }));
    assert!([0, 413].contains(&large.status), "{}", large.status);
    assert_eq!(page.get("/api/hello").status, 200);
}

#[test]
fn connections_that_send_nothing_keep_nobody_out() {
    for begin in ["", "G", "GET / HTTP/1.1\r\nhost: ", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let (_project, page) = page();
        let slow: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut socket = TcpStream::connect(("127.0.0.1", page.port)).unwrap();
                socket.write_all(begin.as_bytes()).unwrap();
                socket
            })
            .collect();

        // One that is given up because of its silence is given up after ten seconds.
        let began = std::time::Instant::now();
        assert_eq!(page.get("/api/hello").status, 200, "{begin:?}");
        assert!(began.elapsed().as_secs() < 8, "{begin:?}: {:?}", began.elapsed());
        drop(slow);
    }
}

#[test]
fn paths_lead_nowhere_but_to_what_there_is() {
    let (_project, page) = page();
    for path in [
        "/../Cargo.toml",
        "/a/../../etc/passwd",
        "/a/x/..%2f..%2fetc%2fpasswd",
        "/a/x/order.txt",
        "/.kaizen/kaizen.db",
        "/api/run/..%2f..",
        "/api/run/%00",
        "/api/runs/1",
    ] {
        let reply = page.get(path);
        assert!([404, 400].contains(&reply.status), "{path}: {}", reply.status);
    }
    let unknown = page.get("/api/runs?offset=3");
    assert_eq!(
        (unknown.status, unknown.json()["error"].as_str().unwrap().to_owned()),
        (400, "unknown parameter `offset` in the address".to_owned())
    );
}
