//! What one grant or denial covers, as people write it. What can match nothing is refused, with what to
//! write in its place.

use crate::base::path_text::{path_of, text_of};
use crate::base::wildcard::Wildcard;
use crate::model::provider::host::HostPattern;
use crate::script::host::files::{plain, real};
use crate::script::host::right::{Right, Target};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What one grant or denial covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Everything.
    Any,
    /// A file, or a folder with what is in it; as it was written, and with its links resolved.
    Path(PathBuf, PathBuf),
    /// One path, hidden or not, and nothing that is in it; as it was asked for, and with its links resolved.
    ExactPath(PathBuf, PathBuf),
    /// A host, or several.
    Host(HostPattern),
    /// A name; `*` in it stands for any characters.
    Name(Wildcard),
    /// A program as it was written, and the places that this names.
    Program(Wildcard, Vec<Wildcard>),
}

impl Rule {
    /// Reads a rule as people write it; paths are relative to `base`. An error says what is wrong.
    pub fn parse(right: Right, text: &str, base: &Path) -> Result<Rule, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if !matches!(right, Right::Read | Right::Write) && path_of(text).to_str().is_none() {
            return Err("it is not valid UTF-8 text".to_owned());
        }
        refuse_joined(text, base)?;

        match right {
            Right::Read | Right::Write => path_rule(text, base),
            Right::Net => HostPattern::parse(text).map(Rule::Host),
            Right::Env => variable_name(text).map(Rule::Name),
            Right::Run => program_rule(text, base),
        }
    }

    /// Refuses a path in a folder that leads out of it, or to hidden files, by a link: a grant of it
    /// would say something else than it does.
    pub fn refuse_detour(&self, folder: &Path) -> Result<(), String> {
        let Rule::Path(given, leads_to) = self else { return Ok(()) };
        let Ok(name) = given.strip_prefix(folder) else { return Ok(()) };

        let inside = leads_to.strip_prefix(real(folder)).ok();
        let is_detour = match inside {
            None => true,
            Some(rest) => is_hidden(rest) && !is_hidden(name),
        };
        if !is_detour {
            return Ok(());
        }
        Err(format!("it is a link to `{}`; if you mean that path, name it", leads_to.display()))
    }

    /// Tells whether a denial of it is one of a target, however the target is written.
    pub(in crate::script) fn denies(&self, target: &Target<'_>) -> bool {
        match (self, target) {
            (Rule::Any, _) => true,
            (Rule::Path(given, real), Target::Path(path)) => {
                path.starts_with(given) || path.starts_with(real)
            }
            (Rule::ExactPath(given, real), Target::Path(path)) => path == given || path == real,
            (Rule::Host(pattern), Target::Host(host, port)) => pattern.denies(host, *port),
            (Rule::Program(denied, places), Target::Program(program)) => {
                program.is_denied_by(denied, places)
            }
            (Rule::Name(denied), Target::Name(name)) => denied.covers(name),
            _ => false,
        }
    }

    /// Tells whether it grants a target. Hidden files, such as `.env`, are granted only by name.
    pub(in crate::script) fn grants(&self, target: &Target<'_>) -> bool {
        let (given, real, path) = match (self, target) {
            (Rule::Path(given, real), Target::Path(path)) => (given, real, path),
            (Rule::Any, _) => return true,
            (Rule::ExactPath(given, real), Target::Path(path)) => {
                return path == given || path == real;
            }
            (Rule::Host(pattern), Target::Host(host, port)) => return pattern.grants(host, *port),
            (Rule::Name(granted), Target::Name(name)) => return granted.covers(name),
            (Rule::Program(granted, _), Target::Program(program)) => {
                return granted.covers(program.named());
            }
            _ => return false,
        };

        let rests = [path.strip_prefix(given), path.strip_prefix(real)];
        rests.into_iter().flatten().any(|rest| !is_hidden(rest))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Any => f.write_str("everything"),
            Rule::Path(given, _) | Rule::ExactPath(given, _) => f.write_str(&text_of(given)),
            Rule::Host(host) => host.fmt(f),
            Rule::Name(name) | Rule::Program(name, _) => name.fmt(f),
        }
    }
}

/// Tells whether a part of a path begins with a dot.
pub(in crate::script) fn is_hidden(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'))
}

/// Reads a path; one that can match nothing is refused.
fn path_rule(text: &str, base: &Path) -> Result<Rule, String> {
    let path = plain(&base.join(path_of(text)));
    let real = real(&path);

    // A file may have any name, so one that is there is meant.
    if real.exists() {
        return Ok(Rule::Path(path, real));
    }

    // Bytes that are no text are not written by mistake.
    if path_of(text).to_str().is_some() {
        refuse_odd_path(text)?;
    }
    refuse_place(&real)?;
    Ok(Rule::Path(path, real))
}

/// Refuses several names in one text, unless a file has just this name.
fn refuse_joined(text: &str, base: &Path) -> Result<(), String> {
    if !text.contains(',') || base.join(path_of(text)).symlink_metadata().is_ok() {
        return Ok(());
    }

    let items: Vec<String> = text.split(',').map(|item| format!("\"{}\"", item.trim())).collect();
    Err(format!("a comma within an item separates nothing; write {}", items.join(", ")))
}

/// Refuses a text that is not the path of a file which may come to be.
fn refuse_odd_path(text: &str) -> Result<(), String> {
    if text == "*" {
        return Err("write `.` for this folder, or `/` for everything".to_owned());
    }
    if text.contains("://") || text.starts_with("file:") {
        return Err("it must be a path, not an address".to_owned());
    }
    if text.contains(":/") {
        return Err("paths are separated by commas, not by colons".to_owned());
    }
    if text.starts_with('!') {
        return Err("a list has no exceptions; use the opposite option for them".to_owned());
    }
    if text.starts_with('-') {
        return Err(format!("it looks like an option; write `./{text}` if it is a path"));
    }
    if let Some(inner) = unquoted(text) {
        return Err(format!("quotes are part of a name here; write `{inner}`"));
    }

    let expanded = text.chars().find(|c| "*?[{$%".contains(*c));
    let expanded = expanded.or_else(|| text.starts_with('~').then_some('~'));
    if let Some(odd) = expanded {
        return Err(format!("`{odd}` is not expanded here; write the path of a file or a folder"));
    }

    let odd = text.chars().find(|c| c.is_control() || "\\|<>;`".contains(*c));
    odd.map_or(Ok(()), |odd| {
        let odd = odd.escape_default();
        Err(format!("invalid character `{odd}` in a path; write the path of a file or a folder"))
    })
}

/// Refuses a place where no file can come to be.
fn refuse_place(real: &Path) -> Result<(), String> {
    let nearest = real.ancestors().skip(1).find(|folder| folder.exists());
    if let Some(file) = nearest.filter(|folder| !folder.is_dir()) {
        return Err(format!("`{}` is not a folder", file.display()));
    }

    match real.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::InvalidFilename => {
            Err("it is longer than a path can be".to_owned())
        }
        _ => Ok(()),
    }
}

/// Reads the name of a variable, or a pattern for names; what no variable can be called is refused.
pub fn variable_name(text: &str) -> Result<Wildcard, String> {
    let bare = text.strip_prefix("env:").unwrap_or(text);
    let bare = bare.trim_matches(|c| "${}%\"'`".contains(c));
    let is_part = |c: char| c.is_alphanumeric() || "_-.*".contains(c);
    let begins = |c: char| c.is_alphabetic() || "_*".contains(c);

    if let Some(odd) = text.chars().find(|c| !is_part(*c)) {
        let is_name = bare.starts_with(begins) && bare.chars().all(is_part);
        let name = if is_name { bare } else { "NAME" };
        let odd = odd.escape_default();
        return Err(format!(
            "invalid character `{odd}` in the name of a variable; write `{name}`, or `{name}*` for \
             all names that start with it"
        ));
    }
    if !text.starts_with(begins) {
        return Err("the name of a variable must start with a letter or `_`".to_owned());
    }

    Ok(Wildcard::new(text))
}

/// Reads the name or the path of a program; what no program can be is refused.
fn program_rule(text: &str, base: &Path) -> Result<Rule, String> {
    let place = base.join(text);
    let is_path = text.contains('/') || matches!(text, "." | "..");
    if is_path && place.is_dir() {
        let folder = text.trim_end_matches('/');
        return Err(format!("it is a folder; write `{folder}/*` for the programs in it"));
    }

    // A program may have any name, so one that is there is meant. `[` is one that every system has.
    if text == "[" || place.is_file() {
        return Ok(program(text, &place));
    }
    if text.contains("://") {
        return Err("it must be a program, not an address".to_owned());
    }
    if text.starts_with('-') {
        return Err("it looks like an option; write the name or the path of a program".to_owned());
    }
    if let Some(inner) = unquoted(text) {
        return Err(format!("quotes are part of a name here; write `{inner}`"));
    }
    if let Some((program, _)) = text.split_once(char::is_whitespace) {
        return Err(format!("a program is named without arguments; write `{program}`"));
    }
    if text.ends_with('/') {
        return Err(format!("it names a folder; write `{text}*` for the programs in it"));
    }

    let is_odd = |c: char| c.is_control() || "$%?[]{}=~;&|<>()`\"'\\!#^:".contains(c);
    match text.chars().find(|c| is_odd(*c)) {
        None => Ok(program(text, &place)),
        Some(odd) => {
            let odd = odd.escape_default();
            Err(format!(
                "invalid character `{odd}` in the name of a program; write `NAME`, its path, or \
                 `NAME*` for all names that start with it"
            ))
        }
    }
}

/// Returns the rule for a program. A path names places, wherever the program will run.
fn program(text: &str, place: &Path) -> Rule {
    let mut places = Vec::new();
    if text.contains('/') {
        let place = plain(place);
        let folder = place.parent().unwrap_or(Path::new("/"));
        let resolved = real(folder).join(place.strip_prefix(folder).unwrap_or(&place));
        places.push(Wildcard::new(resolved.to_string_lossy()));
        places.push(Wildcard::new(place.to_string_lossy()));
        places.dedup();
    }

    Rule::Program(Wildcard::new(text), places)
}

/// Returns what stands between quotes, if a whole text does.
fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

/// Says how a denial is written.
pub(in crate::script) fn said(right: Right, rule: &Rule) -> String {
    match rule {
        Rule::Any => format!("`--deny-{}`", right.word()),
        rule => format!("`--deny-{}={rule}`", right.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says what becomes of each text, by the option and the list.
    fn read(right: Right, texts: &[&str]) -> String {
        let base = std::env::temp_dir().join(format!("kaizen-rule-{}", std::process::id()));
        std::fs::create_dir_all(base.join("dir")).expect("a folder");
        for name in ["a file", "a, file"] {
            std::fs::write(base.join(name), "").expect("a file");
        }

        let place = real(&base).to_string_lossy().into_owned();
        let lines: Vec<String> = texts
            .iter()
            .map(|text| match Rule::parse(right, text, &base) {
                Ok(_) => format!("{} {text}", right.word()),
                Err(reason) => {
                    format!("{} {text}: {}", right.word(), reason.replace(&place, "BASE"))
                }
            })
            .collect();
        lines.join("\n")
    }

    #[test]
    fn what_no_program_can_be_is_refused_with_what_to_write() {
        let texts = [
            "rm",
            "[",
            "./a b",
            "a file",
            "/usr/bin/*",
            "g*",
            "gcc-12",
            "python3.12",
            "g++",
            "../x",
            "rm -rf",
            "/bin/rm -rf /",
            "-rf",
            "--help",
            "\"rm\"",
            "'rm'",
            "rm;ls",
            "rm|sh",
            "a&",
            "~/bin/x",
            "$HOME/x",
            "http://x/y",
            "dir",
            "dir/",
            "..",
            "none/",
            "rm?",
            "r[m]",
            "a\nb",
            "a:b",
            "rm!",
            "rm,ls",
            "a, file",
        ];
        expect_test::expect![[r#"
            run rm
            run [
            run ./a b: a program is named without arguments; write `./a`
            run a file
            run /usr/bin/*
            run g*
            run gcc-12
            run python3.12
            run g++
            run ../x
            run rm -rf: a program is named without arguments; write `rm`
            run /bin/rm -rf /: a program is named without arguments; write `/bin/rm`
            run -rf: it looks like an option; write the name or the path of a program
            run --help: it looks like an option; write the name or the path of a program
            run "rm": quotes are part of a name here; write `rm`
            run 'rm': quotes are part of a name here; write `rm`
            run rm;ls: invalid character `;` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run rm|sh: invalid character `|` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run a&: invalid character `&` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run ~/bin/x: invalid character `~` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run $HOME/x: invalid character `$` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run http://x/y: it must be a program, not an address
            run dir
            run dir/: it is a folder; write `dir/*` for the programs in it
            run ..: it is a folder; write `../*` for the programs in it
            run none/: it names a folder; write `none/*` for the programs in it
            run rm?: invalid character `?` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run r[m]: invalid character `[` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run a
            b: a program is named without arguments; write `a`
            run a:b: invalid character `:` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run rm!: invalid character `!` in the name of a program; write `NAME`, its path, or `NAME*` for all names that start with it
            run rm,ls: a comma within an item separates nothing; write "rm", "ls"
            run a, file"#]].assert_eq(&read(Right::Run, &texts));
    }

    #[test]
    fn what_no_variable_can_be_called_is_refused_with_what_to_write() {
        let texts = [
            "A",
            "*",
            "AWS_*",
            "*_KEY",
            "http_proxy",
            "Ünder",
            "A.B",
            "_",
            "A B",
            "A=b",
            "$A",
            "${A}",
            "%A%",
            "env:A",
            "\"A\"",
            "1A",
            "-A",
            ".A",
            "A/B",
            "A?",
            "!A",
            "A:B",
            "A;B",
            "A|B",
            "a\tb",
            "A, B",
        ];
        expect_test::expect![[r#"
            env A
            env *
            env AWS_*
            env *_KEY
            env http_proxy
            env Ünder
            env A.B
            env _
            env A B: invalid character ` ` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env A=b: invalid character `=` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env $A: invalid character `$` in the name of a variable; write `A`, or `A*` for all names that start with it
            env ${A}: invalid character `$` in the name of a variable; write `A`, or `A*` for all names that start with it
            env %A%: invalid character `%` in the name of a variable; write `A`, or `A*` for all names that start with it
            env env:A: invalid character `:` in the name of a variable; write `A`, or `A*` for all names that start with it
            env "A": invalid character `\"` in the name of a variable; write `A`, or `A*` for all names that start with it
            env 1A: the name of a variable must start with a letter or `_`
            env -A: the name of a variable must start with a letter or `_`
            env .A: the name of a variable must start with a letter or `_`
            env A/B: invalid character `/` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env A?: invalid character `?` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env !A: invalid character `!` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env A:B: invalid character `:` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env A;B: invalid character `;` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env A|B: invalid character `|` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env a	b: invalid character `\t` in the name of a variable; write `NAME`, or `NAME*` for all names that start with it
            env A, B: a comma within an item separates nothing; write "A", "B""#]].assert_eq(&read(Right::Env, &texts));
    }

    #[test]
    fn what_no_path_can_be_is_refused_with_what_to_write() {
        let long = format!("{}/x", "a".repeat(300));
        let texts = [
            "a",
            ".",
            "..",
            "/",
            "dir/new.txt",
            "a file",
            "R&D (new)/it's.txt",
            "./-x",
            "a:b",
            "*",
            "**/*.txt",
            "~",
            "~/x",
            "$HOME/x",
            "%TEMP%",
            "{a",
            "a?",
            "file:///etc",
            "file:a",
            "http://x/",
            "/a:/b",
            "!a",
            "-rf",
            "\"a\"",
            "'a'",
            "a;b",
            "a|b",
            "<a>",
            "a\\b",
            "a\nb",
            "a file/x",
            "a\0b",
            "x,y",
            "a, file",
            "/tmp/x,./y,z",
            &long,
        ];
        let read = read(Right::Write, &texts).replace(&long, "LONG");
        expect_test::expect![[r#"
            write a
            write .
            write ..
            write /
            write dir/new.txt
            write a file
            write R&D (new)/it's.txt
            write ./-x
            write a:b
            write *: write `.` for this folder, or `/` for everything
            write **/*.txt: `*` is not expanded here; write the path of a file or a folder
            write ~: `~` is not expanded here; write the path of a file or a folder
            write ~/x: `~` is not expanded here; write the path of a file or a folder
            write $HOME/x: `$` is not expanded here; write the path of a file or a folder
            write %TEMP%: `%` is not expanded here; write the path of a file or a folder
            write {a: `{` is not expanded here; write the path of a file or a folder
            write a?: `?` is not expanded here; write the path of a file or a folder
            write file:///etc: it must be a path, not an address
            write file:a: it must be a path, not an address
            write http://x/: it must be a path, not an address
            write /a:/b: paths are separated by commas, not by colons
            write !a: a list has no exceptions; use the opposite option for them
            write -rf: it looks like an option; write `./-rf` if it is a path
            write "a": quotes are part of a name here; write `a`
            write 'a': quotes are part of a name here; write `a`
            write a;b: invalid character `;` in a path; write the path of a file or a folder
            write a|b: invalid character `|` in a path; write the path of a file or a folder
            write <a>: invalid character `<` in a path; write the path of a file or a folder
            write a\b: invalid character `\\` in a path; write the path of a file or a folder
            write a
            b: invalid character `\n` in a path; write the path of a file or a folder
            write a file/x: `BASE/a file` is not a folder
            write aNULb: invalid character `\u{0}` in a path; write the path of a file or a folder
            write x,y: a comma within an item separates nothing; write "x", "y"
            write a, file
            write /tmp/x,./y,z: a comma within an item separates nothing; write "/tmp/x", "./y", "z"
            write LONG: it is longer than a path can be"#]]
        .assert_eq(&read.replace('\0', "NUL"));
    }
}
