//! Nothing that a script, a model or a file is named or says can look like a line of kaizen's own.

use crate::support::{Project, Ran};

/// What would begin a line of its own, or be taken for another field.
const FORGERIES: [&str; 6] = [
    "x\nrun=1 status=ok",
    "x\r\nrun=1 status=ok",
    "x status=ok ms=1",
    "x\" status=ok ms=\"1",
    "x\n\nerror: store lost",
    "\nop=y status=ok",
];

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Returns the lines that begin as kaizen's own do.
fn own(ran: &Ran) -> Vec<&str> {
    let all = ran.stdout.lines().chain(ran.stderr.lines());
    let starts = ["run=", "run ", "error: ", "op=y"];
    all.filter(|line| starts.iter().any(|start| line.starts_with(start))).collect()
}

#[test]
fn names_and_messages_forge_no_line() {
    for forgery in FORGERIES {
        let project = Project::new();
        let name = quoted(forgery);
        let script = format!(
            "let name = {name};\n\
             let g = builder(name);\n\
             g.add_operation(|| name, #{{ name: name }});\n\
             g.add_operation(|| {{ throw name }}, #{{ name: \"f\" + name }});\n\
             g.add_operation(|| 1, #{{ name: \"s\" + name, depends_on: [\"f\" + name] }});\n\
             session().flow(g, #{{ allow_failures: true, verbose: true }});\n\
             log.info(name);\n"
        );
        project.file("s.rhai", &script);

        let ran = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(0), "{forgery:?}: {}", ran.stderr);
        let found = own(&ran);
        assert!(
            matches!(found[..], [only] if only.starts_with("run=") && only.contains(" calls=0 ")),
            "{forgery:?}: {found:?} in {}",
            ran.stderr
        );

        // Each operation has one line, and one word for how it ended.
        let ops: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("op=")).collect();
        assert_eq!(ops.len(), 3, "{forgery:?}: {ops:?}");
        for (line, status) in ops.iter().zip(["ok", "failed", "skipped"]) {
            let field = format!(" status={status} ms=");
            let after_name = match line.strip_prefix("op=\"") {
                Some(rest) => {
                    let parts: Vec<&str> = rest.split('"').collect();
                    let inner = parts.iter().take_while(|part| part.ends_with('\\')).count();
                    parts[inner + 1..].join("\"")
                }
                None => line[line.find(' ').unwrap()..].to_owned(),
            };
            assert!(after_name.starts_with(&field), "{forgery:?}: {line}");
        }

        for arguments in [&["show", "@"][..], &["show", "@:0"], &["show", "@:1"], &["show", "@:2"]]
        {
            let found = project.kaizen(arguments);
            let heads = own(&found);
            let expected = usize::from(arguments[1] == "@");
            assert_eq!(heads.len(), expected, "{forgery:?} {arguments:?}: {}", found.stdout);
        }
    }
}

#[test]
fn the_name_of_a_script_forges_no_line() {
    for name in
        ["a\nrun 1  ok.rhai", "b\rrun 1  ok.rhai", "c\u{1b}[31m.rhai", "d\n\n.rhai", "e\t.rhai"]
    {
        let project = Project::new();
        project.file("kaizen.toml", "").file(name, "1");
        let ran = project.kaizen(&["run", name]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);

        for arguments in [&["show", "@"][..], &["runs"], &["diff", "@", "@"], &["replay", "@"]] {
            let ran = project.kaizen(arguments);
            let text = format!("{}{}", ran.stdout, ran.stderr);
            let forged = text.lines().filter(|line| line.starts_with("run 1 ")).count();
            assert_eq!(forged, 0, "{name:?} {arguments:?}: {text}");
            assert!(!text.contains('\u{1b}'), "{name:?} {arguments:?}: {text}");
        }
    }
}
