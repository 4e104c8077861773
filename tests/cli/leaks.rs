//! Secrets stay secrets when they are cut, escaped, given on the command line or part of an address, and
//! when what held them is forgotten. Names of models, paths and headers are data and lead nowhere else.

use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};

const KEY: &str = "sk-Canary+4711/Zq9&w";

fn run(project: &Project, script: &str, arguments: &[&str]) -> Ran {
    project.file("s.rhai", script);
    let mut command = project.command(&[&["run", "s.rhai", "--no-prompt"], arguments].concat());
    Ran::from(command.env("MYK", KEY).env("KAIZEN_TRUST", "1").output().unwrap())
}

fn with_key(server: &Server, more: &str) -> Project {
    let project = Project::new();
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n\
         key = \"env:MYK\"\n{more}",
        server.url
    );
    project.file("kaizen.toml", &toml);
    project
}

/// Returns the text of the whole store.
fn stored(project: &Project) -> String {
    let mut text = String::new();
    for name in ["kaizen.db", "kaizen.db-wal"] {
        let bytes = std::fs::read(project.path().join(".kaizen").join(name)).unwrap_or_default();
        text += &String::from_utf8_lossy(&bytes);
    }
    text
}

/// Every way in which servers write a key.
fn spellings() -> Vec<String> {
    let map = |each: &dyn Fn(char) -> String| KEY.chars().map(each).collect::<String>();
    let special = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let hex = KEY.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    vec![
        KEY.replace('/', "\\/"),
        KEY.replace('&', "\\u0026"),
        map(&|c| format!("\\u{:04x}", u32::from(c))),
        map(&|c| format!("\\u{:04X}", u32::from(c))),
        KEY.replace('/', "\\/").replace('+', "\\u002b").replace('&', "\\u0026"),
        map(&|c| if special(c) { format!("%{:02X}", u32::from(c)) } else { c.to_string() }),
        map(&|c| if special(c) { format!("%{:02x}", u32::from(c)) } else { c.to_string() }),
        map(&|c| if special(c) { format!("%25{:02X}", u32::from(c)) } else { c.to_string() }),
        KEY.replace('&', "&amp;"),
        KEY.replace('&', "&#38;").replace('+', "&#x2B;").replace('/', "&#x2f;"),
        KEY.replace('+', "&plus;").replace('/', "&sol;"),
        KEY.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
        KEY.bytes().map(|byte| format!("0x{byte:02X}")).collect::<Vec<_>>().join(", "),
        KEY.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat(),
        KEY.bytes().map(|byte| format!("\\{byte:03o}")).collect::<Vec<_>>().concat(),
        map(&|c| format!("\\u{{{:x}}}", u32::from(c))),
        map(&|c| format!("={:02X}", u32::from(c))),
        map(&|c| format!("&#0{};", u32::from(c))),
        format!("{}\n  {}", &KEY[..9], &KEY[9..]),
        hex.to_uppercase(),
        hex,
    ]
}

#[test]
fn no_spelling_of_a_key_is_shown_or_kept() {
    let told = spellings().join(" | ");
    let said = told.clone();
    let server = Server::start(move |number, _, _| match number % 3 {
        0 => Act::Answer(400, "content-type: text/plain\r\n".into(), said.clone().into_bytes()),
        1 => answer(&said),
        _ => Act::Answer(200, "content-type: text/html\r\n".into(), said.clone().into_bytes()),
    });
    let project = with_key(&server, "attempts_max = 1\n");
    let script = "for n in 0..3 { let a = attempt(|| branch().chat(`q${n}`)); print(a); print(to_json(a)); }";
    let ran = run(&project, script, &[]);
    let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
    let leaked: Vec<String> = spellings().into_iter().filter(|form| seen.contains(form)).collect();
    assert_eq!(leaked, [""; 0]);
    assert!(ran.stdout.contains("[secret]"), "{}", ran.stdout);
}

#[test]
fn what_is_cut_is_cut_after_its_secrets_are_out() {
    let server = Server::start(|_, _, body| {
        let place: usize =
            body.split("at ").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let text = format!("{}{KEY} tail", "p".repeat(place));
        Act::Answer(400, "content-type: text/plain\r\n".into(), text.into_bytes())
    });
    let project = with_key(&server, "attempts_max = 1\n");
    // Every way in which the known limits of 60, 80, 200, 300 and 500 characters can cut a key.
    let script = "for limit in [60, 80, 120, 200, 300, 500] { for k in 1..20 {\n\
                  let place = limit - k; print(attempt(|| branch().chat(`at ${place}`)).error.message); } }";
    let ran = run(&project, script, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
    assert!(!seen.contains("sk-Can"), "{}", ran.stdout);
    for command in [["show", "@"], ["failures", "--json"], ["export", "@"]] {
        let ran = project.kaizen(&command);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("sk-Can"), "{command:?}");
    }
}

#[test]
fn the_demo_model_repeats_no_part_of_a_key() {
    // It repeats 80 characters of a question, and ends at `max_tokens`.
    for spelling in spellings() {
        let project = Project::new();
        project.file("key.txt", &spelling).file("kaizen.toml", "[secrets]\nnames = [\"MYK\"]\n");
        let script = "env(\"MYK\");\nlet key = read_text(\"key.txt\");\nlet b = branch(\"demo/echo\");\n\
                      for k in 0..40 {\n    let place = [0, 40, 60, 70][k % 4] + k / 4;\n\
                      let text = \"\";\n    text.pad(place, \"p\");\n    print(b.chat(text + key));\n\
                      print(b.chat(key, #{ max_tokens: 5 + k / 4, on_length: \"accept\" }));\n}";
        let ran = run(&project, script, &["--allow-env=MYK"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);

        let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
        let begins: String = spelling.chars().take(spelling.chars().count() / 2).collect();
        assert!(!seen.contains(&begins), "{spelling}: {}", ran.stdout);
        assert!(ran.stdout.contains("[secret]"), "{}", ran.stdout);
    }
}

#[test]
fn a_parameter_that_is_named_like_a_secret_is_one() {
    for name in ["api_key", "apiKey", "token", "GH_TOKEN", "db-password", "client.secret", "auth"] {
        let project = Project::new();
        let script = format!(
            "param(\"max_tokens\", \"\"); print(param(\"{name}\", \"\")); throw param(\"{name}\", \"\")"
        );
        let given = format!("{name}=canary-31415926");
        let ran = run(&project, &script, &["-p", &given, "-p", "max_tokens=12345678"]);
        let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
        assert!(!seen.contains("canary"), "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(seen.contains("12345678"), "{name}");
        let again = project.kaizen(&["run", "--resume"]);
        assert_eq!(again.code, Some(2), "{name}: {}", again.stderr);
        let expected = format!(
            "error: `{name}` is a secret, so the journal does not contain it; pass it again: `-p {name}=..`"
        );
        assert!(again.stderr.contains(&expected), "{}", again.stderr);
        let again = project.kaizen(&["run", "--resume", "-p", &given]);
        assert_eq!(again.code, Some(1), "{name}: {}", again.stderr);
    }
}

#[test]
fn what_an_address_gives_away_is_neither_shown_nor_kept() {
    let server = Server::start(|_, _, _| Act::Answer(404, String::new(), b"no".to_vec()));
    let project = Project::new();
    let host = server.url.trim_start_matches("http://").to_owned();
    for address in [
        "http://HOST/x?token=canary-1",
        "http://HOST/x?a=1&api_key=canary-2&b=2",
        "http://HOST/x?X-Amz-Signature=canary-3#x",
        "http://user:canary-4@HOST/x",
        "http://canary-5@HOST/x?sig=canary-6",
        "ftp://user:canary-7@HOST/x",
        "http://HOST/x#access_token=canary-8",
    ] {
        let script = format!("http_get(\"{}\")", address.replace("HOST", &host));
        let ran = run(&project, &script, &["--allow-net=127.0.0.1"]);
        assert_ne!(ran.code, Some(0), "{address}");
        let journal: String = project.events("told").iter().map(ToString::to_string).collect();
        assert!(!journal.contains("canary"), "{address}: {journal}");
        let message: Vec<&str> = ran.stderr.lines().filter(|l| l.starts_with("error")).collect();
        assert!(!message.concat().contains("canary"), "{address}: {message:?}");
    }
}

#[test]
fn config_show_tells_no_key_and_no_password() {
    let project = Project::new();
    let toml = "[models.a]\nuse = \"openai/m\"\nkey = \"sk-literal-Canary-1\"\n\
                base_url = \"https://user:Canary-2@host/v1?token=Canary-3\"\n\
                extra = { api_key = \"Canary-4\", nested = [{ auth_token = \"Canary-5\" }] }\n\
                [models.b]\nuse = \"openai/m\"\nkey = \"env:B_KEY\"\n\
                [project]\nname = \"http://x:Canary-6@y\"\n";
    project.file("kaizen.toml", toml);
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--json"][..],
        &["config", "show", "--origin"][..],
    ] {
        let ran = project.kaizen(arguments);
        assert!(!ran.stdout.contains("Canary"), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("env:B_KEY") && ran.stdout.contains("***@host"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn what_is_a_secret_can_be_set() {
    let project = Project::new();
    project
        .file("kaizen.toml", "[secrets]\nnames = [\"*_PAT\", \"DATABASE_URL\"]\nmin_length = 6\n");
    project.file("s.rhai", "for n in [\"MY_PAT\", \"DATABASE_URL\", \"X_KEY\"] { print(env(n)); }");
    let mut command = project.command(&["run", "s.rhai", "--allow-env"]);
    command
        .env("MY_PAT", "pat-314159")
        .env("DATABASE_URL", "postgres-314159")
        .env("X_KEY", "k31415");
    let ran = Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap());
    assert_eq!(ran.stdout, "[secret]\n[secret]\n[secret]\n", "{}", ran.stderr);
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(6), "it is a wish");
    for wrong in ["names = \"A\"", "min_length = 3", "min_length = 1000", "name = []"] {
        project.file("kaizen.toml", &format!("[secrets]\n{wrong}\n"));
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(3), "{wrong}");
    }
}

#[test]
fn a_program_that_is_given_a_secret_cannot_show_it() {
    let project = Project::new();
    project.file("kaizen.toml", "[secrets]\nnames = [\"GH_PAT\"]\n");
    let script = "for n in [\"GH_PAT\", \"X_KEY\", \"API_KEYS\"] { print(command(\"printenv\", [n]).stdout.trimmed()); }";
    project.file("s.rhai", script);

    let grants = ["--allow-env=GH_PAT", "--allow-env=X_KEY", "--allow-env=API_KEYS"];
    let mut command =
        project.command(&[&["run", "s.rhai", "--allow-run=printenv"], &grants[..]].concat());
    for name in ["GH_PAT", "X_KEY", "API_KEYS"] {
        command.env(name, format!("{KEY}-{name}"));
    }
    let ran = Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap());

    assert_eq!(ran.stdout, "[secret]\n[secret]\n[secret]\n", "{}", ran.stderr);
    assert!(!stored(&project).contains(KEY));
}

#[test]
fn a_secret_in_the_path_of_a_file_is_not_kept() {
    let project = Project::new();
    project.file(&format!("{}.txt", KEY.replace('/', "-")), "text");
    project.file("s.rhai", "print(read_text(env(\"X_KEY\") + \".txt\"));");
    let mut command = project.command(&["run", "s.rhai", "--allow-env=X_KEY"]);
    let value = KEY.replace('/', "-");
    let ran = Ran::from(command.env("X_KEY", &value).output().unwrap());

    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "text\n"), "{}", ran.stderr);
    assert!(!stored(&project).contains(&value));
    assert!(!project.kaizen(&["export", "@"]).stdout.contains(&value));
}

#[test]
fn what_gc_forgets_is_gone_from_the_file() {
    let project = Project::new();
    for number in 0..12 {
        let script = format!(
            "log.info(\"{}\"); \"forgotten-{number}\"",
            "forgotten ".repeat(200 + number * 40)
        );
        assert_eq!(run(&project, &script, &[]).code, Some(0));
    }
    assert_eq!(run(&project, "log.info(\"kept\")", &[]).code, Some(0));
    assert!(stored(&project).contains("forgotten"));
    let ran = project.kaizen(&["gc", "--keep", "0s"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = stored(&project);
    assert!(!text.contains("forgotten") && text.contains("kept"), "{}", text.len());
}

#[test]
fn the_name_of_a_model_never_changes_where_a_request_goes() {
    let paths = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = paths.clone();
    let server = Server::start(move |_, path, _| {
        kept.lock().unwrap().push(path.to_owned());
        answer("x")
    });
    let names = [
        "../../x",
        "m?a=b",
        "m#f",
        "..%2f..%2fx",
        "m/../../y",
        "m:other",
        "m\r\nx: y",
        "a b\\c",
        "é",
    ];
    for name in names {
        let project = Project::new();
        let script = format!(
            "attempt(|| branch(#{{ model: #{{ provider: \"gemini\", model: {name:?}, base_url: \"{}/v1\" }} }})\
             .chat(\"x\", #{{ attempts_max: 1 }}))",
            server.url
        );
        run(&project, &script, &[]);
    }
    let expected = [
        "..%2F..%2Fx",
        "m%3Fa%3Db",
        "m%23f",
        "..%252f..%252fx",
        "m%2F..%2F..%2Fy",
        "m%3Aother",
        "m%0D%0Ax%3A%20y",
        "a%20b%5Cc",
        "%C3%A9",
    ]
    .map(|name| format!("/v1/models/{name}:generateContent"));
    assert_eq!(*paths.lock().unwrap(), expected);
}

#[test]
fn a_script_sets_no_header_of_the_connection() {
    let server = Server::start(|_, _, _| answer("x"));
    for name in [
        "host",
        "Host",
        "HOST",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "Proxy-Authorization",
        "proxy-connection",
        " host",
        "a b",
        "é",
        "",
        "x:",
        "(x)",
        "keep-alive",
        ":authority",
        "x\\r\\nhost",
        "x\\nx",
    ] {
        let script =
            format!("http_get(\"{}/\", #{{ headers: #{{ \"{name}\": \"evil\" }} }})", server.url);
        let ran = run(&Project::new(), &script, &["--allow-net=127.0.0.1"]);
        assert_ne!(ran.code, Some(0), "{name}");
    }
    let script =
        format!("http_get(\"{}/\", #{{ headers: #{{ a: \"b\\r\\nhost: evil\" }} }})", server.url);
    assert_ne!(run(&Project::new(), &script, &["--allow-net=127.0.0.1"]).code, Some(0));
    assert_eq!(server.bodies().len(), 0);
}

#[test]
fn what_an_address_in_a_parameter_gives_away_is_neither_shown_nor_kept() {
    for address in [
        "https://bob:canary-31415@127.0.0.1/x",
        "https://127.0.0.1/x?token=canary-31415&a=1",
        "postgres://bob:canary-31415@db/x?sslmode=require",
        "see https://canary-31415@a.b/ and http://c.d/?api_key=canary-31415#x",
        "wss://a.b/#access_token=canary-31415",
        // Too weak to be known wherever it stands, and still taken out of the address.
        "https://bob:canary@127.0.0.1/x",
    ] {
        let project = Project::new();
        let script =
            "let url = param(\"url\", \"\"); print(url.len > 9); throw `no ${url.len > 9}`";
        let given = format!("url={address}");
        let ran = run(&project, script, &["--json", "-p", &given]);
        let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
        assert!(!seen.contains("canary"), "{address}: {}{}", ran.stdout, ran.stderr);
        let again = project.kaizen(&["run", "--resume"]);
        assert_eq!(again.code, Some(2), "{address}: {}", again.stderr);
        assert!(again.stderr.contains("pass it again: `-p url=..`"), "{}", again.stderr);
        assert_eq!(project.kaizen(&["run", "--resume", "-p", &given]).code, Some(1), "{address}");
    }
}

/// A server that repeats whatever it was asked, as Express does by default.
fn echoing(status: u16) -> Server {
    Server::start(move |_, _, _| Act::Echo(status))
}

#[test]
fn what_a_server_repeats_of_an_address_or_a_header_is_neither_shown_nor_kept() {
    let requests = [
        "http_get(`URL/a?access_token=${t}`)",
        "http_get(`URL/a?x=1&%74oken=${t}#z`)",
        "http_get(`URL/a;jwt=${t}`)",
        "http_get(`URL/a`, #{ headers: #{ authorization: `Bearer ${t}` } })",
        "http_get(`URL/a`, #{ headers: #{ Authorization: `Basic dTpjYW5hcnktNDcxMS1hYmM=` } })",
        "http_get(`URL/a`, #{ headers: #{ \"x-api-key\": t } })",
        "http_get(`URL/a`, #{ headers: #{ cookie: `a=1; session=${t}` } })",
        "http_get(`URL/a`, #{ headers: #{ \"X-Auth-Token\": t } })",
    ];
    for status in [200, 400, 404, 500] {
        let server = echoing(status);
        let project = Project::new();
        for request in requests {
            let request = request.replace("URL", &server.url);
            let script = format!(
                "let t = env(`T`); let got = attempt(|| {request}); print(got.value ?? got.error.message);\n\
                 print(attempt(|| command(`echo`, [`canary-4711-`])).error.message)"
            );
            project.file("s.rhai", &script);
            let mut command = project.command(&["run", "s.rhai", "--no-prompt"]);
            command.args(["--allow-net=127.0.0.1", "--allow-env=T"]).env("T", "canary-4711-abc");
            let ran = Ran::from(command.output().unwrap());
            assert_eq!(ran.code, Some(0), "{request}: {}", ran.stderr);
            let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
            assert!(!seen.contains("canary-4711-a"), "{status} {request}: {}", ran.stdout);
            assert!(!seen.contains("Y2FuYXJ5") && !seen.contains("jYW5hcnkt"), "{request}: {seen}");
        }
    }
}

#[test]
fn what_a_server_repeats_is_cut_after_its_secrets_are_out() {
    let server = echoing(400);
    let project = Project::new();
    let script = "let t = env(`T`);\n\
                  for limit in [60, 80, 120, 200, 300, 500] { for k in 1..30 {\n\
                  let place = `p`; place.pad(limit - k, `p`);\n\
                  let url = `URL/${place}?token=${t}`;\n\
                  print(attempt(|| http_get(url)).error.message); } }";
    project.file("s.rhai", &script.replace("URL", &server.url));
    let mut command = project.command(&["run", "s.rhai", "--no-prompt"]);
    command.args(["--allow-net=127.0.0.1", "--allow-env=T"]).env("T", "canary-4711-abc");
    let ran = Ran::from(command.output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
    assert!(!seen.contains("cana"), "{}", ran.stdout);
}

#[test]
fn a_script_hides_nothing_by_naming_it_in_an_address() {
    let server = echoing(200);
    let project = Project::new();
    let script = format!(
        "http_get(`{}/?token=touch-evil`, #{{ headers: #{{ authorization: `touch-evil` }} }});\n\
         print(`touch-evil`); command(`sh`, [`touch-evil`])",
        server.url
    );
    let ran = run(&project, &script, &["--allow-net=127.0.0.1"]);
    assert!(ran.stdout.contains("touch-evil"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn an_address_in_a_variable_is_known_whatever_that_is_called() {
    for (value, canary) in [
        ("postgres://u:canary-4711@h/db", "canary-4711"),
        ("https://h/x?token=canary-4711&a=1", "canary-4711"),
        ("redis://:canary-4711@h:1/0", "canary-4711"),
        ("amqps://u:canary%2D4711@h", "canary-4711"),
        ("see https://canary-4711@h/ and http://i/?sig=canary-4712", "canary-471"),
        ("https://h/#id_token=canary-4711", "canary-4711"),
    ] {
        for script in [
            "print(env(`U`)); log.info(env(`U`)); throw env(`U`)",
            "let u = env(`U`); print(u.len); let p = u.split(`canary`); print(`canary${p[1]}`)",
            "print(command(`sh`, [`-c`, `echo $U`]).stdout)",
            "write_text(`o.txt`, env(`U`)); print(read_text(`o.txt`))",
        ] {
            let project = Project::new();
            project.file("s.rhai", script);
            let mut command = project.command(&["run", "s.rhai", "--allow-env=U"]);
            command.args(["--allow-run=sh", "--allow-write=o.txt"]).env("U", value);
            let ran = Ran::from(command.output().unwrap());
            let file = std::fs::read_to_string(project.path().join("o.txt")).unwrap_or_default();
            let seen = format!("{}{}{}{file}", ran.stdout, ran.stderr, stored(&project));
            assert!(!seen.contains(canary), "{value} {script}: {}{}", ran.stdout, ran.stderr);
        }
    }
}

#[test]
fn the_password_of_a_proxy_is_known_in_every_form() {
    for user in ["u:canary-4711", "canary-4711", "u:canary%2D4711", "canary-4711:x+y"] {
        for status in [200, 404] {
            let server = Server::start(move |_, _, _| Act::Echo(status));
            let proxy = server.url.replace("://", &format!("://{user}@"));
            for (name, address) in
                [("http_proxy", proxy.as_str()), ("ALL_PROXY", proxy.trim_start_matches("http://"))]
            {
                let project = Project::new();
                let toml = "[models.live]\nuse = \"openai/m\"\nattempts_max = 1\n\
                            base_url = \"http://models.invalid/v1\"\nkey = \"env:MYK\"\n";
                project.file("kaizen.toml", toml);
                let script = "print(attempt(|| http_get(`http://pages.invalid/`)));\n\
                              print(attempt(|| branch(`live`).chat(`?`)));";
                project.file("s.rhai", script);
                let mut command = project.command(&["run", "s.rhai", "--allow-net=pages.invalid"]);
                command.env(name, address).env("MYK", KEY).env("KAIZEN_TRUST", "1");
                let ran = Ran::from(command.output().unwrap());
                let seen = format!("{}{}{}", ran.stdout, ran.stderr, stored(&project));
                assert!(seen.contains("proxy-authorization"), "{user} {name}: {seen}");
                for canary in ["canary-47", "Y2FuYXJ5", "NhbmFyeS", "jYW5hcnkt"] {
                    assert!(!seen.contains(canary), "{user} {name} {canary}: {}", ran.stdout);
                }
            }
        }
    }
}
