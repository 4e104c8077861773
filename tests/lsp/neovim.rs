//! A real editor: Neovim without a screen, with the configuration that docs/editors.md gives for its version,
//! opens a script with faults, sees them, mends one, completes a method and renames an operation.

use crate::support::Project;
use expect_test::expect;
use std::path::Path;
use std::process::Command;

/// The configuration in docs/editors.md for this Neovim: the first block is for 0.11 and newer, the second for
/// what came before.
fn documented_configuration(version: &str) -> String {
    let page = include_str!("../../docs/editors.md");
    let (_, section) = page.split_once("\n## Neovim\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let blocks: Vec<&str> = section.split("```lua\n").skip(1).collect();

    let minor = version.trim_start_matches("NVIM v0.").split('.').next().unwrap();
    let is_new = minor.parse::<u32>().map_or(true, |minor| minor >= 11);
    let block = blocks[usize::from(!is_new)];
    block.split("```").next().unwrap().to_owned()
}

#[test]
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn neovim_sees_mends_completes_and_renames() {
    let Ok(version) = Command::new("nvim").arg("--version").output() else {
        // A run on a machine without the editor says what it has left out.
        println!("skipped: neovim_sees_mends_completes_and_renames, because there is no `nvim`");
        return;
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();

    let project = Project::new();
    let text = "let b = branch(\"demo/echo\");\nb.comunicate(\"Hello\");\n\
        let g = builder();\ng.add_operation(\"chat\", #{ name: \"draft\", instruction: \"x\" });\n\
        g.add_operation(\"chat\", #{ name: \"check\", depends_on: [\"draft\"], instruction: \"y\" });\nsession(b).flow(g);\n";
    project
        .file("main.rhai", text)
        .file("kaizen.toml", "")
        .file("init.lua", &documented_configuration(&version))
        .file("steps.lua", include_str!("steps.lua"));

    // The configuration starts `kaizen` from the path.
    let folder = Path::new(env!("CARGO_BIN_EXE_kaizen")).parent().unwrap();
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&inherited));
    let path = std::env::join_paths(folders).unwrap();

    let ran = Command::new("nvim")
        .args(["--headless", "--clean", "-u", "init.lua", "main.rhai", "-c", "luafile steps.lua"])
        .current_dir(project.path())
        .env("PATH", path)
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
        completes session: session() -> session
        let b = branch("demo/echo");
        b.communicate("Hello");
        let g = builder();
        g.add_operation("chat", #{ name: "outline", instruction: "x" });
        g.add_operation("chat", #{ name: "check", depends_on: ["outline"], instruction: "y" });
        session(b).flow(g);
    "#]]
    .assert_eq(&said);
}
