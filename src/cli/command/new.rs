//! `kaizen new DIR` and `kaizen init`: a project that runs at once, offline.

use crate::base::visible::{shown_path, typed_path};
use crate::base::{file, own};
use crate::cli::app::exit::Exit;
use crate::cli::command::template::{Template, TemplateFile};
use crate::cli::{print_line, say};
use crate::script::host::files::real;
use anyhow::Context;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The options of `new`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Folder to create. It must be empty or not exist.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Template to start from.
    #[arg(long, value_enum, default_value = "graph", value_name = "NAME")]
    template: Template,
}

/// The options of `init`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InitArguments {
    /// Folder of the project. Existing files are kept.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Template to start from.
    #[arg(long, value_enum, default_value = "graph", value_name = "NAME")]
    template: Template,
}

/// Creates a project in a folder of its own.
pub(in crate::cli) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let folder = &arguments.directory;
    let is_empty =
        |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());

    if folder.exists() && !(folder.is_dir() && is_empty(folder)) {
        let typed = typed_path(folder);
        let help = if folder.is_dir() {
            format!("; `kaizen init {typed}` adds missing files and keeps existing ones")
        } else {
            String::new()
        };
        let shown = shown_path(folder);
        say(&format!("error: `{shown}` exists and is not an empty folder{help}"));
        return Ok(Exit::Usage);
    }

    for file in arguments.template.files() {
        create(folder, &file)?;
    }
    print_line(&format!("created `{}`. Next:", shown_path(folder)));
    print_line(&format!("  cd {}", typed_path(folder)));
    next_steps(arguments.template);
    Ok(Exit::Ok)
}

/// Makes a project of a folder that exists.
pub(in crate::cli) fn init(arguments: &InitArguments) -> anyhow::Result<Exit> {
    let folder = &arguments.directory;
    for file in arguments.template.files() {
        if let Some(text) = detour(folder, file.name) {
            say(&format!("error: {text}"));
            return Ok(Exit::Usage);
        }
    }

    for file in arguments.template.files() {
        let name = file.name;
        if create(folder, &file)? {
            print_line(&format!("created  {name}"));
            continue;
        }

        let is_ignored = || {
            let text = file::read_text(&folder.join(name)).unwrap_or_default();
            text.lines().any(|line| line.trim().trim_end_matches('/') == ".kaizen")
        };
        let advice =
            if name == ".gitignore" && !is_ignored() { "; add `.kaizen/` to it" } else { "" };
        print_line(&format!("kept     {name}, which exists{advice}"));
    }

    print_line("Next:");
    next_steps(arguments.template);
    Ok(Exit::Ok)
}

fn next_steps(template: Template) {
    for step in template.steps() {
        print_line(&format!("  {step}"));
    }
}

/// Says which folder on the way to a file leads out of the project by a link: nothing is written there.
fn detour(folder: &Path, name: &str) -> Option<String> {
    let folder = std::path::absolute(folder).ok()?;
    let path = folder.join(name);
    let parents = path.ancestors().skip(1).take_while(|parent| *parent != folder);
    let is_outside = |parent: &&Path| !real(parent).starts_with(real(&folder));

    // The outermost one is the link itself.
    let link = parents.filter(is_outside).last()?;
    let target = std::fs::read_link(link).unwrap_or_else(|_| real(link));
    Some(format!(
        "`{}` is a link out of the project, to `{}`; remove it, and run `kaizen init` again",
        shown_path(link),
        shown_path(&target)
    ))
}

/// Writes a file unless one of its name exists, and tells whether it has.
fn create(folder: &Path, file: &TemplateFile) -> anyhow::Result<bool> {
    let path = folder.join(file.name);
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent)
        .with_context(|| format!("cannot create `{}`", shown_path(parent)))?;

    // Never over a file, not even over one that somebody else makes just now.
    match own::add_shared(&path, file.text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot write `{}`", shown_path(&path))),
    }
}
