//! The world outside: pages, variables of the environment, programs. Each only where it is granted,
//! and journaled, so that a resumed run sees the same again.

use super::data::folder;
use super::define::def;
use crate::base::clock;
use crate::base::credential::{credentials, learn_variable, of_headers, without_credentials};
use crate::base::failure::{Failure, Kind};
use crate::base::json::digest;
use crate::base::process::{Group, end_with_parent};
use crate::base::secret::{Secret, keeping};
use crate::executor::lost::Repeat;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::model::call_error::CallError;
use crate::model::provider::page::{PageReply, host_of};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::executable::Executable;
use crate::script::host::fiber::wait;
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::permission::ProgramInput;
use crate::script::host::right::{Right, Target};
use crate::script::host::rule::Rule;
use crate::script::host::servers::INHERITED;
use crate::script::host::{convert, shape, tasks};
use rhai::{Array, Dynamic, Engine, Map};
use serde_json::{Value, json};
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

/// Longest wait for a page or a program when nothing else is said.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most addresses that one page leads to.
const MOVES_MAX: usize = 5;
/// Headers that `http_get` takes from no script, beside those for proxies.
const OF_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Most bytes of what a program writes that are kept, each of stdout and stderr.
const OUTPUT_MAX: u64 = 8 << 20;
/// How long the output of a program is read after its end: all that it wrote is in the pipes already.
const READ_GRACE: Duration = Duration::from_millis(200);

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "http_get(url: string) -> string",
        r#"
        Fetches a page as text. Hosts, including redirect targets, need a grant: `--allow-net=HOST`,
        or `net` under [permissions] in kaizen.toml. A status other than success is an error with a
        `kind`, as for models. Options: `headers` (a map, without those of the connection, such as
        `host`), `timeout_ms` (60 s). Tokens that the address or the headers hold are removed from
        the page and from errors. The answer is journaled: a resumed run does not fetch it
        again.
        ```rhai
        try { http_get("http://127.0.0.1:1/") } catch (e) { print(e.kind); }
        ```
        "#,
        move |url: &str| page(&inner, url, Map::new()),
    );

    let inner = host.clone();
    def(engine, "http_get(url: string, options: map) -> string", "", move |url: &str, map: Map| {
        page(&inner, url, map)
    });

    let inner = host.clone();
    def(
        engine,
        "env(name: string) -> any",
        r#"
        Returns an environment variable, or `()` if it is not set; a value that is no text is an error.
        It needs a grant:
        `--allow-env=NAME`, or `env` under [permissions] in kaizen.toml. If its name looks like that
        of a secret (a word of it is KEY, TOKEN, SECRET, PASSWORD, CREDENTIALS, AUTH or the like), or
        is listed in `names` under [secrets] in kaizen.toml, its value is removed from journal and
        output. Values with fewer than 8 characters, with fewer than 4 different ones, or that are one
        of kaizen's own words, such as `completed`, are not removed; a note says so.
        ```rhai
        print(env("EDITOR") ?? "none");
        ```
        "#,
        move |name: &str| variable(&inner, name),
    );

    let inner = host.clone();
    def(
        engine,
        "command(program: string, arguments: array) -> map",
        r#"
        Runs a program in the script's folder, without a shell, waits for it and returns `#{ code,
        stdout, stderr }`. Programs that it leaves running are stopped with it. Programs need a
        grant: `--allow-run=PROGRAM`, or `run` under [permissions] in kaizen.toml; granted programs
        are not restricted. They receive only common environment variables and those granted by name,
        so they receive no keys. Options: `stdin` (text), `timeout_ms` (60 s), `repeatable`. The
        outcome is journaled: a resumed run does not run it again. If the run was stopped while the
        program ran, nobody knows whether it took effect: a resumed run stops with an error of kind
        `unsure`, unless you pass `--lost=repeat` or `--lost=tell`. With `repeatable: true`, it is
        run again.
        ```rhai
        print(command("echo", ["hello"]).stdout);
        ```
        "#,
        move |program: &str, arguments: Array| run(&inner, program, arguments, Map::new()),
    );

    let inner = host.clone();
    def(
        engine,
        "command(program: string, arguments: array, options: map) -> map",
        "",
        move |program: &str, arguments: Array, map: Map| run(&inner, program, arguments, map),
    );
}

/// Does something that only this run can do, or tells what the recorded run was
/// told. `guess` stands in for it in a plan, which only asks whether it is permitted.
fn once(
    host: &Rc<Inner>,
    what: (Inquiry, Repeat),
    guess: Value,
    permit: impl AsyncFnOnce() -> Result<(), Failure>,
    work: impl AsyncFnOnce() -> Result<Value, Failure>,
) -> Result<Value, EvalError> {
    let executor = host.executor();
    let task = tasks::current();
    let done = wait(executor.effect(&task.strand, what, guess, permit, work));
    if let Some(scope) = &task.scope {
        executor.note_guess(scope);
    }
    done.map_err(|stop| host.raise(stop))
}

fn limit(options: &mut Options) -> Result<Duration, Failure> {
    let asked = options.millis("timeout_ms")?.unwrap_or(PATIENCE);
    let left = tasks::current().ends_at().map(|at| at.saturating_sub(clock::monotonic()));
    Ok(left.map_or(asked, |left| left.min(asked)))
}

fn page(host: &Rc<Inner>, url: &str, map: Map) -> Result<Dynamic, EvalError> {
    let mut options = Options::of("http_get", map).map_err(|e| throw(&e))?;
    let limit = limit(&mut options).map_err(|e| throw(&e))?;
    let headers = options.value("headers").map_err(|e| throw(&e))?.unwrap_or(json!({}));

    let fields: Option<Option<Vec<(String, String)>>> = headers.as_object().map(|fields| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        fields.iter().map(|(name, value)| Some((name.clone(), text(value)?))).collect()
    });

    let Some(Some(headers)) = fields else {
        let reason = "must be a map from names to texts";
        return Err(throw(&options.wrong("headers", reason)));
    };

    if let Some((name, _)) = headers.iter().find(|(name, _)| is_of_connection(name)) {
        let reason = format!("cannot set `{name}`: the connection sets it");
        return Err(throw(&options.wrong("headers", &reason)));
    }
    if let Some((name, _)) = headers.iter().find(|(name, _)| !is_header_name(name)) {
        let reason = format!("`{name}` is not the name of a header");
        return Err(throw(&options.wrong("headers", &reason)));
    }

    let permit = async || {
        let Some((name, port)) = host_of(url) else { return Ok(()) };
        host.with.permissions.demand_host(&Target::Host(&name, port)).await
    };
    let shown = without_credentials(url);
    let guess = format!("(the text of {shown}, which only the run can tell)").into();
    let what = Inquiry::About(Topic::HttpGet, with_headers(host, shown, &headers));
    let work = async || fetch(host, url, headers, limit).await;
    // Whoever gets a page twice has changed nothing.
    once(host, (what, Repeat::Allowed), guess, permit, work).map(convert::from_value)
}

/// Names a page by its address and by what it is asked with: with other headers, a server may give another one.
fn with_headers(host: &Rc<Inner>, shown: String, headers: &[(String, String)]) -> String {
    if headers.is_empty() {
        return shown;
    }
    let lines: Vec<String> =
        headers.iter().map(|(name, value)| format!("{}: {value}", name.to_lowercase())).collect();
    let named = format!("{shown} with headers {}", digest(&json!(lines)));

    // Programs before 0.2 named it by its address alone, as one without headers still is.
    let was_told =
        |name: &str| host.executor().was_told(&Inquiry::About(Topic::HttpGet, name.to_owned()));
    if was_told(&shown) && !was_told(&named) { shown } else { named }
}

/// Tells whether a header says for whom a request is and where it ends, which is not for scripts to say.
fn is_of_connection(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    OF_CONNECTION.contains(&name.as_str()) || name.starts_with("proxy-") || name.starts_with(':')
}

/// Tells whether a text is a token as RFC 9110 has it.
fn is_header_name(name: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(is_token)
}

async fn fetch(
    host: &Rc<Inner>,
    url: &str,
    mut headers: Vec<(String, String)>,
    limit: Duration,
) -> Result<Value, Failure> {
    let mut url = url.to_owned();
    let mut secrets: Vec<Secret> = apart(of_headers(&headers)).collect();

    for _ in 0..=MOVES_MAX {
        secrets.extend(apart(credentials(&url)));
        let (name, port) = host_of(&url).ok_or_else(|| {
            let shown = without_credentials(&url);
            let message =
                format!("invalid address `{shown}`; write it like `https://example.com/x`");
            Failure::new(Kind::Option, message)
        })?;

        // Each host is demanded, because a page may send on to any other.
        let target = Target::Host(&name, port);
        host.with.permissions.demand_host(&target).await?;

        // A server may repeat what it was sent.
        let asked = keeping(&secrets, host.with.models.page(&url, &headers, limit)).await;
        match asked.map_err(|e| refusal(&url, &e, &secrets))? {
            PageReply::Page(text) => return Ok(without(&secrets, text).into()),
            PageReply::Moved(to) => {
                if host_of(&to) != Some((name, port)) {
                    // What is meant for one host is no other's.
                    headers.clear();
                }
                url = to;
            }
        }
    }

    let url = without_credentials(&url);
    Err(Failure::new(Kind::Network, format!("`{url}`: it redirected more than {MOVES_MAX} times")))
}

/// Wraps secrets that a script names, which is all that says so.
fn apart(values: Vec<String>) -> impl Iterator<Item = Secret> {
    values.into_iter().map(Secret::apart)
}

fn without(secrets: &[Secret], text: String) -> String {
    secrets.iter().fold(text, |text, secret| secret.take_out(text))
}

fn refusal(url: &str, error: &CallError, secrets: &[Secret]) -> Failure {
    let failure = Failure::from(error.clone());
    let message = match error {
        CallError::Unreachable { .. } | CallError::Network { .. } => failure.message.clone(),
        _ => format!("`{url}`: {}", failure.message),
    };
    Failure { message: without(secrets, without_credentials(&message)), ..failure }
}

fn variable(host: &Rc<Inner>, name: &str) -> Result<Dynamic, EvalError> {
    let demanded = host.with.permissions.demand(Right::Env, &Target::Name(name), name);
    demanded.map_err(|failure| throw(&failure))?;
    let found = host.with.models.text_variable(name);
    let found = found.map_err(|error| throw_new(Kind::Option, error.to_string()))?;
    let Some(value) = found else { return Ok(Dynamic::UNIT) };

    if let Some(weakness) = learn_variable(name, &value) {
        host.note(&format!("the value of `{name}` is not treated as a secret: {weakness}"));
    }

    Ok(value.into())
}

fn run(host: &Rc<Inner>, program: &str, arguments: Array, map: Map) -> Result<Dynamic, EvalError> {
    let mut options = Options::of("command", map).map_err(|e| throw(&e))?;
    let limit = limit(&mut options).map_err(|e| throw(&e))?;
    let input = options.text("stdin").map_err(|e| throw(&e))?.unwrap_or_default();
    let is_repeatable = options.flag("repeatable").map_err(|e| throw(&e))?;
    let repeat = if is_repeatable { Repeat::Allowed } else { Repeat::Forbidden };

    let texts = arguments.into_iter().map(|value| {
        let kind = convert::type_name(&value);
        value.into_string().map_err(|_| {
            let message = format!("the arguments of a program are strings, not {kind}");
            throw_new(Kind::Option, message)
        })
    });
    let arguments = texts.collect::<Result<Vec<String>, EvalError>>()?;

    let what = Inquiry::About(Topic::Command, json!([program, arguments, input]).to_string());
    let guess = json!({ "code": 0, "stdout": "", "stderr": "" });
    let permit = async || {
        let found = executable(host, program, &variables(host));
        let given = ProgramInput { arguments: &arguments, stdin: &input };
        host.with.permissions.demand_program(&found, given).await
    };
    let work = async || execute(host, program, &arguments, &input, limit).await;
    once(host, (what, repeat), guess, permit, work)
        .map(|told| KnownMap::of_shape(&shape::COMMAND, told))
}

/// Finds a program as `command` does.
pub(super) fn executable_of(host: &Inner, program: &str) -> Executable {
    executable(host, program, &variables(host))
}

/// Finds a program as it is found when it is run.
fn executable(host: &Inner, program: &str, variables: &[(String, String)]) -> Executable {
    let path = variables.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_str());
    Executable::find(program, folder(host), path)
}

async fn execute(
    host: &Rc<Inner>,
    program: &str,
    arguments: &[String],
    stdin: &str,
    limit: Duration,
) -> Result<Value, Failure> {
    let variables = variables(host);
    let found = executable(host, program, &variables);
    host.with.permissions.demand_program(&found, ProgramInput { arguments, stdin }).await?;

    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Kind::Command, format!("running `{program}`: {error}"))
    };

    let mut command = tokio::process::Command::new(found.to_run());
    command
        .arg0(program)
        .args(arguments)
        .current_dir(folder(host))
        .env_clear()
        .envs(variables)
        .kill_on_drop(true)
        .process_group(0);

    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    end_with_parent(&mut command);
    let mut child = command.spawn().map_err(|error| {
        let mut failure = failed(&error);
        failure.detail_mut().undone = true;
        failure
    })?;

    // However this is left, the program ends, and all that it has started.
    let group = Group::of(child.id());
    let whole = ended(&mut child, group, stdin);
    let Ok(whole) = tokio::time::timeout(limit, whole).await else {
        return Err(failed(&format!("it timed out after {} ms", limit.as_millis())));
    };

    let (status, stdout, stderr) = whole.map_err(|error| failed(&error))?;
    // A program that a signal ended has no code; -1 is none that a program can give.
    Ok(json!({ "code": status.code().unwrap_or(-1), "stdout": stdout, "stderr": stderr }))
}

/// Returns the variables that programs get: common ones and those that are granted by name.
fn variables(host: &Inner) -> Vec<(String, String)> {
    let permissions = &host.with.permissions;
    let granted = permissions.granted().into_iter().filter_map(|(right, rule)| match rule {
        Rule::Name(name) if right == Right::Env && !name.is_open() => Some(name.text().to_owned()),
        _ => None,
    });

    let names = INHERITED.iter().map(|name| (*name).to_owned()).chain(granted);
    let allowed = names.filter(|name| !permissions.denies_variable(name));
    let values = allowed.filter_map(|name| {
        let value = host.with.models.variable(&name)?;
        // A program may print what it is given.
        learn_variable(&name, &value);
        Some((name, value))
    });

    values.collect()
}

/// Waits until a program has ended, and returns what it wrote. What it has started ends with it.
async fn ended(
    child: &mut Child,
    group: Option<Group>,
    input: &str,
) -> Result<(ExitStatus, String, String), String> {
    let stdin = child.stdin.take();
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let mut written = [Vec::new(), Vec::new()];
    let [out, errors] = &mut written;

    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program need not read what it is given.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        Ok::<(), String>(())
    };
    let end = async { child.wait().await.map_err(|error| error.to_string()) };

    let status = {
        // A program whose output is not read any more would wait for ever, so the first error ends it.
        let streams =
            async { tokio::try_join!(feed, collect(stdout, out), collect(stderr, errors)) };
        tokio::pin!(streams, end);

        tokio::select! {
            biased;
            read = &mut streams => {
                read?;
                end.await?
            }
            status = &mut end => {
                // Whoever is left may hold the pipes open.
                drop(group);
                if let Ok(read) = tokio::time::timeout(READ_GRACE, streams).await {
                    read?;
                }
                status?
            }
        }
    };

    let [out, errors] = written.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((status, out, errors))
}

/// Reads what a program writes, as far as it comes until this is given up. More than the limit is an error, so that
/// nothing is lost in silence.
async fn collect(
    stream: Option<impl tokio::io::AsyncRead + Unpin>,
    bytes: &mut Vec<u8>,
) -> Result<(), String> {
    let Some(mut stream) = stream else { return Ok(()) };

    while stream.read_buf(bytes).await.map_err(|error| error.to_string())? > 0 {
        if bytes.len() as u64 > OUTPUT_MAX {
            return Err(format!("it wrote more than {OUTPUT_MAX} bytes of output"));
        }
    }
    Ok(())
}
