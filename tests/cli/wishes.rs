//! What a project requests is shown and stored without keys, and trust is bound to them all the same.

use crate::support::{Project, Ran};

/// Files whose requests hold secrets; `CANARY` stands for each.
const SECRET: &[&str] = &[
    "[models.a]\nuse = \"openai/m\"\nbase_url = \"https://h.example/v1\"\nkey = \"sk-CANARY\"\n",
    "[models.a]\nuse = \"openai/m\"\nbase_url = \"https://u:CANARY@h.example/v1\"\n",
    "[models.a]\nuse = \"openai/m\"\nbase_url = \"https://h.example/v1?token=CANARY\"\n",
    "[mcp.x]\nurl = \"https://h/m?token=CANARY\"\n",
    "[mcp.x]\ncommand = [\"x\", \"--token=CANARY\"]\n",
    "[mcp.x]\ncommand = [\"x\", \"--api-key\", \"CANARY\", \"--port\", \"1\"]\n",
    "[mcp.x]\ncommand = [\"env\", \"API_TOKEN=CANARY\", \"x\"]\n",
    "[mcp.x]\ncommand = [\"x\", \"-H\", \"Authorization: Bearer CANARY\"]\n",
    "[mcp.x]\ncommand = [\"x\", \"postgres://u:CANARY@h/db\"]\n",
    "[otel]\nendpoint = \"https://h/v1?api_key=CANARY\"\n",
];

fn stored(project: &Project) -> String {
    let path = project.path().join("home/.local/state/kaizen/trust.json");
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn what_a_project_requests_is_shown_without_keys() {
    let mut shown = String::new();
    for toml in SECRET {
        let project = Project::new();
        let with = |canary: &str| project.file("kaizen.toml", &toml.replace("CANARY", canary));
        project.file("s.rhai", "1");
        with("canary-4711");

        let mut seen = String::new();
        let mut run = |arguments: &[&str]| -> Ran {
            let ran = project.kaizen(arguments);
            seen += &format!("{}{}", ran.stdout, ran.stderr);
            ran
        };
        let refused = run(&["run", "s.rhai"]);
        assert_eq!(refused.code, Some(6), "{toml}: {}", refused.stderr);
        shown.extend(
            refused
                .stderr
                .lines()
                .filter(|line| line.starts_with("  "))
                .map(|line| format!("{}\n", line.trim())),
        );
        run(&["trust", "--show"]);
        run(&["trust", "--show", "--json"]);
        run(&["trust"]);
        run(&["config", "show"]);
        assert!(run(&["trust", "--show"]).stderr.contains("trusted"), "{toml}");

        // Another key is another request, even if it looks the same.
        with("canary-4712");
        let changed = run(&["run", "s.rhai"]);
        assert_eq!(changed.code, Some(6), "{toml}: {}", changed.stderr);
        let has = |sign: &str| changed.stderr.lines().any(|line| line.starts_with(sign));
        assert!(has("  + ") && has("  - "), "{toml}: {}", changed.stderr);
        seen += &stored(&project);
        assert!(!seen.contains("canary"), "{toml}: {seen}");
    }
    expect_test::expect![[r#"
            models.a.use = "openai/m"
            models.a.base_url = "https://h.example/v1"
            models.a.key = "[secret]"
            models.a.use = "openai/m"
            models.a.base_url = "https://***@h.example/v1"
            models.a.use = "openai/m"
            models.a.base_url = "https://h.example/v1?token=[secret]"
            mcp.x.url = "https://h/m?token=[secret]"
            mcp.x.command = ["x", "--token=[secret]"]
            mcp.x.command = ["x", "--api-key", "[secret]", "--port", "1"]
            mcp.x.command = ["env", "API_TOKEN=[secret]", "x"]
            mcp.x.command = ["x", "-H", "Authorization: [secret]"]
            mcp.x.command = ["x", "postgres://***@h/db"]
            otel.endpoint = "https://h/v1?api_key=[secret]"
    "#]]
    .assert_eq(&shown);
}

#[test]
fn what_earlier_versions_stored_stays_trusted_and_loses_its_keys() {
    let project = Project::new();
    let toml = "[models.a]\nuse = \"openai/m\"\nbase_url = \"https://h.example/v1\"\n\
                key = \"sk-canary-4711\"\n[permissions]\nwrite = [\"out\"]\n";
    project.file("s.rhai", "1").file("kaizen.toml", toml);
    let lines = [
        "models.a.use = \"openai/m\"",
        "models.a.base_url = \"https://h.example/v1\"",
        "models.a.key = \"sk-canary-4711\"",
        "permissions.write = [\"out\"]",
    ];
    let root = project.path().canonicalize().unwrap();
    let keep = |lines: &[&str]| {
        let hash = blake3::hash(lines.join("\n").as_bytes()).to_hex().to_string();
        let entry = serde_json::json!({ "hash": hash, "wishes": lines });
        let known = serde_json::json!({ root.to_str().unwrap(): entry });
        project.file("home/.local/state/kaizen/trust.json", &known.to_string());
    };

    keep(&lines);
    let shown = project.kaizen(&["trust", "--show"]);
    assert!(shown.stderr.ends_with("trusted\n") && !shown.stderr.contains("not trusted"));
    project.kaizen(&["plan", "s.rhai"]);
    assert!(!stored(&project).contains("canary"), "{}", stored(&project));

    keep(&lines);
    project.file("kaizen.toml", "[permissions]\nwrite = [\"out\"]\n");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stderr);
    let told: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        told,
        [
            "    permissions.write = [\"out\"]",
            "  - models.a.use",
            "  - models.a.base_url",
            "  - models.a.key",
        ]
    );
}
