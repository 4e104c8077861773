//! The escape corpus and the canary suite, widened: whatever asks, however it is written, and wherever a
//! server says it. `KAIZEN_LONG=1 cargo test corpus -- --nocapture` runs the long form and prints figures.

use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::process::Stdio;

fn is_long() -> bool {
    std::env::var_os("KAIZEN_LONG").is_some()
}

/// Returns all in the long form, and every so manieth otherwise.
fn some<T>(all: Vec<T>, every: usize) -> Vec<T> {
    let step = if is_long() { 1 } else { every };
    all.into_iter().step_by(step).collect()
}

#[allow(clippy::print_stdout, reason = "figures are what the suites are run for")]
fn figure(text: &str) {
    println!("{text}");
}

fn run(project: &Project, script: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    project.file("s.rhai", script);
    let mut command = project.command(&[&["run", "s.rhai", "--no-prompt"], arguments].concat());
    command.envs(variables.iter().copied()).env("KAIZEN_TRUST", "1").stdin(Stdio::null());
    Ran::from(command.output().unwrap())
}

/// Keys with what is escaped somewhere.
const KEYS: [&str; 8] = [
    "sk-C4n/ry+Q9&z_7=Kx!q",
    "AIzaSyC-4_n8rYq0pZ",
    "plain9canary8value7",
    "ab+/==cd<ef>'gh\"ij",
    "tok.en:with;every,sign?",
    "Zm9v/YmFy+cXV4/0987==",
    "{\"k\":\"v9\\n8\"}[x]",
    "%2Fkey%20with%25percent",
];

/// Escapes each byte of a key, or each that is neither a letter nor a digit.
fn each(key: &str, all: bool, escape: impl Fn(u8) -> String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() && !all;
    key.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { escape(b) }).collect()
}

/// Every way in which servers write a key.
fn spellings(key: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let joined = |between: &str, hex: &dyn Fn(u8) -> String| {
        key.bytes().map(hex).collect::<Vec<_>>().join(between)
    };
    let lower = |b: u8| format!("{b:02x}");
    let json = serde_json::to_string(key).unwrap();
    let html = |b: u8| match b {
        b'&' => "&amp;".to_owned(),
        b'<' => "&lt;".to_owned(),
        b'>' => "&gt;".to_owned(),
        b'"' => "&quot;".to_owned(),
        other => char::from(other).to_string(),
    };
    let mut all = vec![
        key.to_owned(),
        json.trim_matches('"').to_owned(),
        json.replace('/', "\\/").trim_matches('"').to_owned(),
        serde_json::to_string(&json).unwrap(),
        each(key, true, |b| format!("\\u{b:04x}")),
        each(key, true, |b| format!("\\u{b:04X}")),
        each(key, false, |b| format!("\\u{b:04x}")),
        each(key, false, |b| format!("\\\\u{b:04x}")),
        each(key, true, |b| format!("\\u{{{b:x}}}")),
        each(key, true, |b| format!("\\U{b:08x}")),
        each(key, false, |b| format!("%{b:02X}")),
        each(key, false, |b| format!("%{b:02x}")),
        each(key, true, |b| format!("%{b:02X}")),
        each(key, true, |b| format!("%{b:02x}")),
        each(key, false, |b| format!("%25{b:02X}")),
        each(key, false, |b| format!("%2525{b:02X}")),
        each(key, false, html),
        each(&each(key, false, html), false, html),
        each(key, false, |b| format!("&#{b};")),
        each(key, true, |b| format!("&#x{b:x};")),
        each(key, true, |b| format!("&#X{b:02X};")),
        each(key, true, |b| format!("&#{b:05};")),
        joined("", &lower),
        joined("", &|b| format!("{b:02X}")),
        joined(":", &lower),
        joined(" ", &|b| format!("{b:02X}")),
        joined(", ", &|b| format!("0x{b:02x}")),
        joined("\", \"", &lower),
        joined("", &|b| format!("\\x{b:02x}")),
        joined("", &|b| format!("\\{b:03o}")),
        joined("", &|b| format!("={b:02X}")),
        each(key, false, |b| format!("\\{}", char::from(b))),
        format!("{}\r\n {}", &key[..9], &key[9..]),
        format!("{}=\n{}", &key[..7], &key[7..]),
        format!("{}\\n{}", &key[..10], &key[10..]),
    ];
    for before in ["", "a", "ab", "user:", "Bearer "] {
        // What stands beside the key decides on the letters at both ends.
        let whole = (before.len() + key.len()) / 3 * 4;
        let from = before.len() / 3 * 4 + [0, 2, 3][before.len() % 3];
        for encoded in [
            STANDARD.encode(format!("{before}{key}!")),
            URL_SAFE_NO_PAD.encode(format!("{before}{key}!")),
        ] {
            all.push(encoded[from..whole].to_owned());
            all.push(encoded[from..whole].replace('/', "\\/").replace('+', "%2B"));
        }
    }
    all.into_iter().filter(|form| form.len() > 8).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Where a server says something.
const PLACES: [&str; 7] = ["error", "text", "page", "inside 200", "reply", "stream", "code"];

fn said(place: &str, text: &str) -> Act {
    let plain = |status: u16, kind: &str, body: String| {
        Act::Answer(status, format!("content-type: {kind}\r\n"), body.into_bytes())
    };
    let error = serde_json::json!({ "error": { "message": text } }).to_string();
    match place {
        "error" => plain(400, "application/json", error),
        "text" => plain(401, "text/plain", text.to_owned()),
        "page" => plain(500, "text/html", format!("<html><p>{text}</p></html>")),
        "inside 200" => plain(200, "application/json", error),
        "code" => {
            let error =
                serde_json::json!({ "error": { "type": text, "code": text, "param": text } });
            plain(422, "application/json", error.to_string())
        }
        "reply" => answer(&format!("told {text}")),
        _ => {
            // Cut in the middle of what is told.
            let half = text.char_indices().map(|(at, _)| at).nth(text.chars().count() / 2);
            let (first, second) = text.split_at(half.unwrap());
            let piece = |text: &str, end: Option<&str>| {
                let choice =
                    serde_json::json!({ "delta": { "content": text }, "finish_reason": end });
                (0, format!("data: {}\n\n", serde_json::json!({ "choices": [choice] })))
            };
            let end = (0, "data: [DONE]\n\n".to_owned());
            let pieces = vec![piece(first, None), piece(second, Some("stop")), end];
            Act::Stream { pieces, cut: false }
        }
    }
}

/// Returns everything that a run has left behind.
fn left(project: &Project, ran: &Ran) -> String {
    let mut all = format!("{}{}", ran.stdout, ran.stderr);
    for name in ["kaizen.db", "kaizen.db-wal"] {
        let bytes = std::fs::read(project.path().join(".kaizen").join(name)).unwrap_or_default();
        all += &String::from_utf8_lossy(&bytes);
    }
    for arguments in [&["show", "@"][..], &["show", "--json"], &["export"], &["failures"]] {
        let ran = project.kaizen(arguments);
        all += &format!("{}{}", ran.stdout, ran.stderr);
    }
    all
}

#[test]
fn no_canary_is_left_however_and_wherever_a_server_says_it() {
    let mut count = 0;
    let mut leaked = Vec::new();
    for (number, key) in some(KEYS.to_vec(), 4).into_iter().enumerate() {
        for place in some(PLACES.to_vec(), 2) {
            let forms = spellings(key);
            let told = forms.clone();
            let server = Server::start(move |_, _, body| {
                let number = body.split("form ").nth(1).and_then(|rest| rest.split('.').next());
                said(place, &told[number.unwrap().parse::<usize>().unwrap()])
            });
            let project = Project::new();
            let toml = format!(
                "[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\nkey = \"env:MYK\"\n\
                 attempts_max = 1\n",
                server.url
            );
            project.file("kaizen.toml", &toml);
            let script = format!(
                "for n in 0..{} {{ let a = attempt(|| branch(`live`).chat(`form ${{n}}.`));\n\
                 print(a); print(to_json(a)); log.info(`${{a}}`); write_text(`o/${{n}}`, to_json(a));\n\
                 if !a.ok {{ optimizer().save_pattern_failure(`t`, `p`, #{{ kind: `wrong_answer`, \
                 message: a.error.message }}); }} }}",
                forms.len()
            );
            let ran = run(&project, &script, &["--allow-write=o"], &[("MYK", key)]);
            assert_eq!(ran.code, Some(0), "{key} {place}: {}", ran.stderr);
            count += forms.len();

            let mut all = left(&project, &ran);
            for n in 0..forms.len() {
                all += &std::fs::read_to_string(project.path().join(format!("o/{n}"))).unwrap();
            }
            for form in forms {
                let quoted = serde_json::to_string(&form).unwrap();
                if all.contains(&form) || all.contains(quoted.trim_matches('"')) {
                    leaked.push(format!("key {number} in {place}: {form}"));
                }
            }
        }
    }
    assert_eq!(leaked, [""; 0]);
    figure(&format!("canaries: {count} replies that tell a key, 0 leaks"));
}

#[test]
fn no_canary_is_left_where_a_message_is_cut() {
    let mut count = 0;
    let limits = [60, 80, 120, 160, 200, 240, 300, 500, 1000, 2000, 4000];
    // A few spellings in each run: what is shown of a run is looked through as a whole, and that takes
    // more than twice as long for twice as much.
    let cases: Vec<(&str, Vec<String>)> = some(KEYS[..3].to_vec(), 3)
        .into_iter()
        .flat_map(|key| {
            let forms = some(spellings(key), 12);
            forms.chunks(4).map(|forms| (key, forms.to_vec())).collect::<Vec<_>>()
        })
        .collect();
    for (key, forms) in cases {
        let told = forms.clone();
        let server = Server::start(move |_, _, body| {
            let place = body.split("at ").nth(1).and_then(|rest| rest.split('.').next());
            let mut numbers = place.unwrap().split(',').map(|n| n.parse::<usize>().unwrap());
            let (form, before) = (numbers.next().unwrap(), numbers.next().unwrap());
            said("text", &format!("{}{} tail", "p".repeat(before), told[form]))
        });
        let project = Project::new();
        let toml = format!(
            "[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\nkey = \"env:MYK\"\nattempts_max = 1\n",
            server.url
        );
        project.file("kaizen.toml", &toml);
        let script = format!(
            "for f in 0..{} {{ for limit in {limits:?} {{ for k in [1, 2, 5, 9, 13, 17] {{\n\
             let place = limit - k;\n\
             print(attempt(|| branch(`live`).chat(`at ${{f}},${{place}}.`)).error.message); }} }} }}",
            forms.len()
        );
        let ran = run(&project, &script, &[], &[("MYK", key)]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        count += forms.len() * limits.len() * 6;
        let all = left(&project, &ran);
        // What is cut begins as the form does, behind what stands before it.
        let begins: BTreeSet<String> = forms
            .iter()
            .map(|form| format!("p{}", form.chars().take(8).collect::<String>()))
            .collect();
        let found: Vec<&String> = begins.iter().filter(|begin| all.contains(*begin)).collect();
        assert_eq!(found, [""; 0], "{key}");
    }
    figure(&format!("cut canaries: {count} messages, 0 leaks"));
}

/// Spellings of this machine.
const HOSTS: [&str; 22] = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "2130706433",
    "0x7f000001",
    "0x7F.0.0.0x1",
    "017700000001",
    "0177.1",
    "127.255.255.254",
    "LOCALHOST.",
    "LocalHost",
    "127.0.0.1.",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "foo.localhost",
    "%31%32%37.0.0.1",
];

/// Denials of it.
const DENIALS: [&str; 12] = [
    "*",
    "127.0.0.1",
    "localhost",
    "LOCALHOST.",
    "::1",
    "[::1]",
    "0",
    "0.0.0.0",
    "127.1",
    "0x7f.1",
    "[::ffff:7f00:1]",
    "foo.localhost",
];

#[test]
fn no_spelling_of_a_denied_host_is_reached_by_anything() {
    let server = Server::start(|_, _, _| answer("fine"));
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let mut count = 0;
    let mut through = Vec::new();
    for denial in some(DENIALS.to_vec(), 3) {
        let mut toml = String::new();
        let mut script = String::from("let through = [];\n");
        for (number, host) in HOSTS.iter().enumerate() {
            let url = format!("http://{host}:{port}/v1");
            toml += &format!("[models.m{number}]\nuse = \"openai/m\"\nbase_url = \"{url}\"\n");
            let named = |provider: &str| {
                format!(
                    "branch(#{{ model: #{{ provider: `{provider}`, model: `m`, base_url: `{url}` }} }}).chat(`x`)"
                )
            };
            for call in [
                format!("branch(`m{number}`).chat(`x`)"),
                named("openai"),
                named("ollama"),
                named("anthropic"),
                named("gemini"),
                format!("http_get(`{url}`)"),
                format!("http_get(`HTTP:\\\\\\\\{host}:{port}`)"),
                format!("http_get(`http://user@{host}:{port}/`)"),
                format!("task(|| http_get(`{url}`)).wait()"),
                format!("parallel([`{url}`], |url| http_get(url))[0]"),
            ] {
                script += &format!(
                    "{{ let a = attempt(|| {call}); if a.ok || ![`permission`, `script`, `bad_request`, \
                     `invalid`, `network`].contains(a.error.kind) {{ through.push({count}); }} }}\n"
                );
                count += 1;
            }
        }
        script += "print(to_json(through))";
        // A host that is no text of an address is refused by kaizen.toml itself.
        let project = Project::new();
        project.file("kaizen.toml", &toml);
        let option = format!("--deny-net={denial}");
        let ran = run(&project, &script, &["-A", &option], &[("OPENAI_API_KEY", "sk-canary-2718")]);
        assert_eq!(ran.code, Some(0), "{denial}: {}", ran.stderr);
        if ran.stdout.trim() != "[]" {
            through.push(format!("{denial}: {}", ran.stdout));
        }
    }
    assert_eq!(through, [""; 0]);
    assert_eq!(server.bodies().len(), 0);
    figure(&format!("denied hosts: {count} calls, 0 requests"));
}

#[test]
fn no_denied_host_is_reached_by_a_redirect() {
    let guarded = Server::start(|_, _, _| answer("guarded"));
    let port = guarded.url.rsplit(':').next().unwrap().to_owned();
    let statuses = [301_u16, 302, 303, 307, 308];
    let target = port.clone();
    let server = Server::start(move |_, path, _| {
        let mut parts = path.trim_start_matches('/').split('/').map(str::parse::<usize>);
        let (status, host) = (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap());
        let to = format!("location: http://{}:{target}/\r\n", HOSTS[host]);
        Act::Answer(statuses[status], to, Vec::new())
    });
    let mut script = String::from("let through = [];\n");
    let mut count = 0;
    for status in 0..statuses.len() {
        for host in some((0..HOSTS.len()).collect(), 4) {
            script += &format!(
                "{{ let a = attempt(|| http_get(`{}/{status}/{host}`)); \
                 if a.ok {{ through.push(`{host}`); }} }}\n",
                server.url
            );
            count += 1;
        }
    }
    script += "print(to_json(through))";
    let denial = format!("--deny-net=127.0.0.1:{port}");
    let ran = run(&Project::new(), &script, &["-A", &denial], &[]);
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "[]"), "{}", ran.stderr);
    assert_eq!((server.bodies().len(), guarded.bodies().len()), (count, 0));
    figure(&format!("redirects to a denied host: {count}, 0 requests"));
}

#[test]
fn no_key_goes_to_a_server_that_a_project_or_a_script_names() {
    let server =
        Server::start(|_, path, _| Act::Answer(400, String::new(), path.as_bytes().to_vec()));
    let keys: Vec<(String, String)> = [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "OLLAMA_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "GH_TOKEN",
        "DATABASE_URL",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), format!("canary-2718-{}", name.to_lowercase())))
    .collect();
    let providers = ["openai", "ollama", "anthropic", "gemini"];
    let mut count = 0;
    let mut refused = 0;
    for provider in providers {
        for (name, _) in some(keys.clone(), 3) {
            for grants in [&[][..], &["--allow-env=OTHER"], &["--allow-net"]] {
                let project = Project::new();
                let url = format!("base_url: `{}/v1`", server.url);
                let with_key = format!("key: `env:{name}`");
                let script = format!(
                    "let kinds = []; for m in [\n\
                     #{{ provider: `{provider}`, model: `m`, {url} }},\n\
                     #{{ provider: `{provider}`, model: `m`, {url}, {with_key} }},\n\
                     #{{ provider: `{provider}`, model: `{name}`, {url} }}] {{\n\
                     kinds.push(attempt(|| branch(#{{ model: m }}).chat(`x`, #{{ attempts_max: 1 }})).error.kind); }}\n\
                     print(to_json(kinds));"
                );
                let variables: Vec<(&str, &str)> =
                    keys.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
                let ran = run(&project, &script, grants, &variables);
                assert_eq!(ran.code, Some(0), "{}", ran.stderr);
                let kinds: Vec<String> = serde_json::from_str(ran.stdout.trim()).unwrap();
                // The second call names a key that was not granted, so it is refused.
                assert_eq!(kinds[1], "permission", "{provider} {name} {grants:?}: {kinds:?}");
                (count, refused) = (count + 3, refused + 1);
            }
        }
    }
    let sent = server.bodies().concat();
    assert!(!sent.contains("canary-2718"), "{sent}");
    assert_eq!(server.bodies().len(), count - refused);
    figure(&format!(
        "keys of other servers: {count} calls, {refused} of them refused, 0 keys sent"
    ));
}

/// Commands that open the store.
const COMMANDS: [&[&str]; 14] = [
    &["run", "s.rhai"],
    &["runs"],
    &["show"],
    &["gc"],
    &["doctor"],
    &["patterns"],
    &["failures"],
    &["advise", "t"],
    &["export", "--all"],
    &["replay", "@"],
    &["run", "--resume"],
    &["repl", "--eval", "branch(`demo/echo`).chat(`x`)"],
    &["compare", "s.rhai", "t.rhai", "--tasks", "t.jsonl"],
    &["test"],
];

#[test]
fn no_file_of_the_store_is_followed_by_any_command() {
    let mut count = 0;
    for (name, is_folder) in [
        (".kaizen", true),
        (".kaizen/running", true),
        (".kaizen/kaizen.db", false),
        (".kaizen/kaizen.db-wal", false),
        (".kaizen/kaizen.db-shm", false),
        (".kaizen/kaizen.db-journal", false),
        (".kaizen/kaizen.db-mark", false),
        (".kaizen/.gitignore", false),
    ] {
        for arguments in some(COMMANDS.to_vec(), 5) {
            for is_dangling in [false, true] {
                let outer = Project::new();
                outer.file("p/kaizen.toml", "").file("p/s.rhai", "1").file("p/t.rhai", "2");
                outer.file("p/t.jsonl", "{}\n").file("p/a_test.rhai", "fn test_a() {}");
                outer.file("theirs/x", "");
                let target = outer.path().join("theirs/target");
                if !is_dangling && is_folder {
                    std::fs::create_dir(&target).unwrap();
                } else if !is_dangling {
                    std::fs::write(&target, "theirs").unwrap();
                }
                let link = outer.path().join("p").join(name);
                std::fs::create_dir_all(link.parent().unwrap()).unwrap();
                symlink(&target, &link).unwrap();

                let mut command = outer.command(arguments);
                command.current_dir(outer.path().join("p")).stdin(Stdio::null());
                let ran = Ran::from(command.output().unwrap());
                assert!(ran.code.is_some_and(|code| code < 9), "{name} {arguments:?}: {ran:?}");
                if is_dangling {
                    assert!(!target.exists(), "{name} {arguments:?}");
                } else if is_folder {
                    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0, "{arguments:?}");
                } else {
                    let text = std::fs::read_to_string(&target).unwrap();
                    assert_eq!(text, "theirs", "{name} {arguments:?}");
                }
                count += 1;
            }
        }
    }
    figure(&format!("links in the place of the store's files: {count}, 0 followed"));
}
