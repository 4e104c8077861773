//! `kaizen report`: the one file.

use super::SCRIPT;
use crate::support::Project;

/// Texts that would be markup, script, or a way out of where they stand.
const MARKUP: &[&str] = &[
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "<!--",
    "]]>",
    "\u{2028}alert(1)",
    "javascript:alert(1)",
];

fn report(project: &Project, arguments: &[&str]) -> String {
    let ran = project.kaizen(&[&["report"][..], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    std::fs::read_to_string(project.path().join(arguments.last().unwrap())).unwrap()
}

#[test]
fn a_report_is_one_file_that_loads_nothing() {
    let project = Project::new();
    project.file("review.rhai", SCRIPT);
    project.kaizen(&["run", "review.rhai", "-q"]);
    let text = report(&project, &["@", "-o", "out.html"]);

    assert_eq!(text, report(&project, &["@", "-o", "again.html"]), "the same run, the same bytes");
    let outside = ["src=", "href=", "http://", "https://", "@import", "url("];
    let body = text.split_once("<main").unwrap().1.split_once("<script nonce").unwrap().0;
    for word in outside {
        assert!(!body.contains(word), "{word}");
    }
    assert!(text.contains("default-src 'none'; script-src 'nonce-"), "a policy");
    assert!(body.contains("<td>first</td><td>completed</td>"), "{body}");

    let twice = project.kaizen(&["report", "@", "-o", "out.html"]);
    assert_eq!(
        (twice.code, twice.stderr.as_str()),
        (Some(2), "error: `out.html` already exists; `--out FILE` names another file\n")
    );
}

#[test]
fn nothing_in_a_run_becomes_markup_in_its_report() {
    for markup in MARKUP {
        let project = Project::new();
        let quoted = serde_json::to_string(markup).unwrap();
        project.file(
            "s.rhai",
            &format!("branch(\"demo/echo\").chat({quoted}); log.info({quoted}); {quoted}"),
        );
        project.kaizen(&["run", "s.rhai", "-q"]);
        let text = report(&project, &["@", "-o", "out.html"]);

        let data = text.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
        assert!(!data.contains('<') && !data.contains('\u{2028}'), "{markup}: {data}");
        serde_json::from_str::<serde_json::Value>(data).unwrap();
        let main = text.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
        let is_inside = markup.contains('<') && main.contains(markup);
        assert!(!is_inside, "{markup}: {main}");
    }
}
