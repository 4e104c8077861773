//! Runs that workers perform, with a real Temporal server and a real PostgreSQL server. Each project in a folder of its
//! own stands for a machine.

use crate::support::Project;

#[cfg(feature = "engine")]
mod bench;
#[cfg(feature = "engine")]
mod deaths;
#[cfg(feature = "engine")]
mod runs;

#[cfg(not(feature = "engine"))]
#[test]
fn a_program_without_the_engine_says_so_and_what_to_type() {
    let project = Project::new();
    project.file("s.rhai", "1");
    let on = ["--on", "temporal://127.0.0.1:7233/default"];
    let expected = "error: this kaizen was built without `engine`, so it cannot use Temporal: install it with `cargo \
                    install kaizen --features engine`\n";
    for command in [&["run", "s.rhai"][..], &["worker"], &["attach", "x"], &["cancel", "x"]] {
        let ran = project.kaizen(&[command, &on[..]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), expected), "{command:?}");
    }
    for command in [&["worker"][..], &["attach", "x"], &["cancel", "x"]] {
        assert_eq!(project.kaizen(command).stderr, expected, "{command:?}");
    }
}

#[test]
fn a_run_is_performed_here_or_by_a_worker_but_not_both() {
    let project = Project::new();
    project.file("s.rhai", "1");
    let on = "temporal://127.0.0.1:7233/default";
    let ran = project.kaizen(&["run", "s.rhai", "--here", "--on", on]);
    expect_test::expect![[r#"
        error: the argument '--here' cannot be used with '--on <URL>'

        Usage: kaizen run --here <SCRIPT>

        For more information, try '--help'.
    "#]]
    .assert_eq(&ran.stderr);
    assert_eq!(ran.code, Some(2));
}
