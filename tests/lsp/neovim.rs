//! A real editor: Neovim without a screen opens a script with faults, sees them, mends one, completes a
//! method and renames an operation.

use crate::support::Project;
use expect_test::expect;
use std::process::Command;

#[test]
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn neovim_sees_mends_completes_and_renames() {
    let is_there =
        Command::new("nvim").arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !is_there {
        // A run on a machine without the editor says what it has left out.
        println!("skipped: neovim_sees_mends_completes_and_renames, because there is no `nvim`");
        return;
    }

    let project = Project::new();
    let text = "let b = branch(\"demo/echo\");\nb.comunicate(\"Hello\");\n\
        let g = builder();\ng.add_operation(\"chat\", #{ name: \"draft\", instruction: \"x\" });\n\
        g.add_operation(\"chat\", #{ name: \"check\", depends_on: [\"draft\"], instruction: \"y\" });\n";
    project
        .file("main.rhai", text)
        .file("kaizen.toml", "")
        .file("steps.lua", include_str!("steps.lua"));

    let kaizen = env!("CARGO_BIN_EXE_kaizen");
    let ran = Command::new("nvim")
        .args(["--headless", "--clean", "main.rhai", "-c", "luafile steps.lua"])
        .current_dir(project.path())
        .env("KAIZEN", kaizen)
        .env("HOME", project.path().join("home"))
        .output()
        .unwrap();
    let said = std::fs::read_to_string(project.path().join("said.txt"));
    let said = said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    expect![[r#"
        sees K0003: a branch has no method `comunicate` / help: did you mean `communicate`?
        offers change to `communicate`
        mended b.communicate("Hello");
        sees 0 faults
        completes fork: fork() -> branch
        let b = branch("demo/echo");
        b.communicate("Hello");
        let g = builder();
        g.add_operation("chat", #{ name: "outline", instruction: "x" });
        g.add_operation("chat", #{ name: "check", depends_on: ["outline"], instruction: "y" });
    "#]]
    .assert_eq(&said);
}
