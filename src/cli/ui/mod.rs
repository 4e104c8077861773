//! `kaizen ui`: a page on this computer that shows runs, live. It never spends money and never runs a
//! script.

mod action;
pub(in crate::cli) mod asset;
mod cases;
pub(in crate::cli) mod compare;
mod cost;
mod digest;
mod failures;
mod guard;
pub(in crate::cli) mod learning;
pub(in crate::cli) mod library;
mod live;
pub(in crate::cli) mod page_error;
mod query;
mod reader;
mod route;
pub(in crate::cli) mod run;
mod runs;
mod serve;
mod squeeze;
mod words;

use crate::base::thread;
use crate::base::visible::shown_path;
use crate::cli::app::exit::Exit;
use crate::cli::app::number;
use crate::cli::app::project::{Project, variable};
use crate::cli::app::signal;
use crate::cli::command::show;
use crate::cli::ui::guard::Token;
use crate::cli::ui::reader::LibraryReader;
use crate::cli::ui::route::Desk;
use crate::cli::{Global, print_data, say};
use anyhow::Context;
use serde_json::json;
use std::io::Read;
use std::process::{Command, Stdio};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Programs that open a link in a browser, tried in this order.
const OPENERS: [&str; 3] = ["xdg-open", "wslview", "open"];

/// The options of `ui`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run to open: its id or a prefix of it, `@` for the latest, `@fail` for the latest failed run.
    run: Option<String>,
    /// Port to listen on. Defaults to 7433, or the next free one.
    #[arg(long, value_parser = number::port)]
    port: Option<u16>,
    /// Print the link only; do not open a browser.
    #[arg(long)]
    no_open: bool,
}

/// Serves the page until Ctrl-C.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let place = match &arguments.run {
        None => None,
        Some(name) => match find(&project, name)? {
            Ok(place) => Some(place),
            Err(reason) => {
                say(&format!("error: {reason}"));
                return Ok(Exit::Usage);
            }
        },
    };

    let mut bytes = [0; 16];
    let mut source = std::fs::File::open("/dev/urandom").context("cannot open `/dev/urandom`")?;
    source.read_exact(&mut bytes).context("cannot read `/dev/urandom`")?;
    let token = Token::of(bytes);

    let signals = signal::watch()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = match serve::listen(arguments.port).await {
            Ok(listener) => listener,
            Err(error) => {
                let port = arguments.port.unwrap_or(serve::PORT);
                say(&format!(
                    "error: cannot listen on port {port}: {error}; choose another one with `--port`"
                ));
                return Ok(Exit::Usage);
            }
        };

        let port = listener.local_addr()?.port();
        let go = place.map_or(String::new(), |place| format!("&go={place}"));
        let link = format!("http://127.0.0.1:{port}/#t={}{go}", token.text());
        tell(global, &link, port);
        if !arguments.no_open && global.stderr_is_terminal && !global.json {
            open(&link);
        }

        let desk = Desk {
            reader: LibraryReader::start(project.store_path())?,
            project: project.folder_name().into(),
            store: project.store_path(),
            durability: project.config.durability(),
            counts_demo: project.config.learn_from_demo(),
            streams: serve::streams(),
        };
        tokio::select! {
            () = serve::serve(listener, desk, token) => Ok(Exit::Ok),
            exit = signals.caught() => Ok(match exit {
                // Ctrl-C is how it is meant to end.
                Exit::Interrupted => Exit::Ok,
                other => other,
            }),
        }
    })
}

/// Finds the place on the page of the run that a person means, perhaps with an operation.
fn find(project: &Project, name: &str) -> anyhow::Result<Result<String, String>> {
    let Some(store) = project.existing_store()? else {
        return Ok(Err(format!(
            "no run `{name}`: no runs in `{}`; start one with `kaizen run SCRIPT`",
            shown_path(&project.root)
        )));
    };
    Ok(show::find(&store, name)?.map(|row| format!("/run/{}", row.id)))
}

/// Says where the page is.
fn tell(global: &Global, link: &str, port: u16) {
    if global.json {
        print_data(json!({ "link": link, "port": port }));
        return;
    }
    // The token is no secret to who reads the terminal, and is needed there as it is.
    say(&format!("the page is at {link}\nCtrl-C ends it"));
}

/// Opens a link in a browser, if there is one.
fn open(link: &str) {
    let chosen = variable("BROWSER");
    let programs = chosen.iter().map(String::as_str).chain(OPENERS);

    for program in programs {
        let started = Command::new(program)
            .arg(link)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Ok(mut child) = started {
            // Waited for, so that it is not left behind as a process that has ended. Whether the browser
            // liked the link is shown by the browser.
            drop(thread::start("browser", move || drop(child.wait())));
            return;
        }
    }
    say("no browser was found; open the link yourself");
}
