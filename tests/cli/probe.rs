//! `kaizen doctor` and `kaizen models --check` ask the endpoint, with one request of one token.

use crate::support::server::{Act, Server, answer, finished, refusal};
use crate::support::{Project, Ran};

/// A project whose default model is this server, which waits half a second at most.
fn project(url: &str) -> Project {
    let project = Project::new();
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{url}\"\n\
         key = \"env:MY_KEY\"\ntimeout_ms = 500\n"
    );
    project.file("kaizen.toml", &toml);
    assert_eq!(project.kaizen(&["trust"]).code, Some(0));
    project
}

fn run(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    command.env("MY_KEY", "sk-a-key-of-mine");
    Ran::from(command.output().expect("the program starts"))
}

/// Replaces what differs from one time to the next.
fn plain(text: &str, url: &str) -> String {
    let text = text.replace(url, "URL");
    let words = text.split(' ').collect::<Vec<_>>();
    let is_number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    let each = words.iter().enumerate().map(|(place, word)| {
        let is_latency =
            is_number(word) && words.get(place + 1).is_some_and(|next| next.starts_with("ms"));
        if is_latency { "N" } else { word }
    });
    each.collect::<Vec<_>>().join(" ")
}

/// Asks a server by `doctor`, and returns the line about the endpoint with the exit code.
fn endpoint(name: &str, url: &str) -> String {
    let ran = run(&project(url), &["doctor"]);
    let line = ran.stdout.lines().find(|line| line.contains("endpoint")).unwrap_or("nothing");
    assert!(!ran.stdout.contains("sk-a-key-of-mine"), "{}", ran.stdout);
    format!("{name}: {} {}\n", ran.code.unwrap_or(-1), plain(line, url))
}

/// Makes what a server does with a request.
type MakeAct = Box<dyn Fn() -> Act + Send + Sync>;

#[test]
fn the_doctor_asks_the_endpoint_and_says_what_is_wrong_with_it() {
    let mut found = String::new();
    let acts: Vec<(&str, MakeAct)> = vec![
        ("whole", Box::new(|| answer("Hi"))),
        ("cut after its token", Box::new(|| finished("H", "length"))),
        ("401", Box::new(|| refusal(401, "bad key sk-a-key-of-mine"))),
        ("404", Box::new(|| refusal(404, "no such model"))),
        ("429", Box::new(|| refusal(429, "slow down"))),
        ("500", Box::new(|| refusal(500, "oops"))),
        ("hangs", Box::new(|| Act::Hang)),
        ("closes", Box::new(|| Act::Close)),
    ];
    for (name, act) in acts {
        let server = Server::start(move |_, _, _| act());
        found += &endpoint(name, &server.url);
        assert_eq!(server.bodies().len(), 1, "{name}: one request");
    }
    found += &endpoint("closed port", "http://127.0.0.1:1");
    expect_test::expect![[r#"
        whole: 0 ok   endpoint       answers as `served-1`, in N ms (asked for 1 token)
        cut after its token: 0 ok   endpoint       answers as `served-1`, in N ms (asked for 1 token)
        401: 5 NOT  endpoint       openai/m at URL: the provider rejected the key (status 401): bad key [secret]; check the key
        404: 5 NOT  endpoint       openai/m at URL: the provider does not know the model or address: no such model; check the name of the model and `base_url`
        429: 5 NOT  endpoint       openai/m at URL: rate limit exceeded (status 429): slow down
        500: 5 NOT  endpoint       openai/m at URL: the provider failed with status 500: oops
        hangs: 5 NOT  endpoint       openai/m at URL: no reply within N ms (`timeout_ms`); the server accepted the request but did not answer
        closes: 5 NOT  endpoint       openai/m at URL: no connection to URL/chat/completions: connection closed before message completed; is the server running, and is `base_url` right?
        closed port: 5 NOT  endpoint       openai/m at URL: no connection to URL/chat/completions: nothing accepts connections there; is the server running, and is `base_url` right?
    "#]].assert_eq(&found);
}

#[test]
fn a_project_that_is_not_trusted_is_not_asked_for() {
    let server = Server::saying("Hi");
    let project = project(&server.url);
    assert_eq!(project.kaizen(&["trust", "--revoke"]).code, Some(0));

    let doctor = run(&project, &["doctor"]);
    let line = doctor.stdout.lines().find(|line| line.contains("endpoint")).unwrap_or("nothing");
    expect_test::expect!["NOT  endpoint       not asked: this project is not trusted, so nothing was run; review these lines, then run `kaizen trust`"].assert_eq(line);
    let models = run(&project, &["models", "--check"]);
    assert_eq!((doctor.code, models.code, server.bodies().len()), (Some(6), Some(6), 0));
}

#[test]
fn one_request_of_one_token_is_all_that_is_asked() {
    let server = Server::saying("Hi");
    let ran = run(&project(&server.url), &["models", "--check"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    // The default model and its alias are one, and each is asked.
    for body in server.bodies() {
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(
            (&body["max_tokens"], &body["stream"], &body["messages"]),
            (
                &1.into(),
                &serde_json::Value::Null,
                &serde_json::json!([{ "role": "user", "content": "Hi" }])
            )
        );
    }

    let asked = server.bodies().len();
    let listed = run(&project(&server.url), &["models"]);
    assert_eq!((listed.code, server.bodies().len()), (Some(0), asked), "nothing is asked unasked");
}

#[test]
fn models_that_do_not_answer_are_named() {
    let server = Server::start(|_, _, _| refusal(404, "no such model"));
    let project = project(&server.url);
    let ran = run(&project, &["models", "--check"]);
    assert_eq!(ran.code, Some(5));
    expect_test::expect![[r#"
        name                   model     server                  price per 1M  state
        (default: configured)  openai/m  URL  unknown       no answer
        live                   openai/m  URL  unknown       no answer
        (default: configured): openai/m at URL: the provider does not know the model or address: no such model; check the name of the model and `base_url`
        live: openai/m at URL: the provider does not know the model or address: no such model; check the name of the model and `base_url`

        for any other model, write provider/name. Providers:
        provider   key
        openai     OPENAI_API_KEY is not set
        anthropic  ANTHROPIC_API_KEY is not set
        gemini     GEMINI_API_KEY is not set
        ollama     needs no key
        demo       needs no key
    "#]].assert_eq(&plain(&ran.stdout, &server.url));

    let line = run(&project, &["models", "--check", "--json"]).stdout;
    let line = line.lines().next().expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((&line["answers"], line["latency_ms"].is_u64()), (&false.into(), true));
}

#[test]
fn a_model_with_two_names_is_asked_once() {
    let server = Server::saying("Hi");
    let project = project(&server.url);
    let ran = run(&project, &["models", "--check"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.matches(" answers").count(), 2, "{}", ran.stdout);
    assert_eq!(server.bodies().len(), 1);
}
