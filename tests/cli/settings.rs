//! The reference of kaizen.toml: in the terminal, and as a schema for editors.

use crate::support::Project;

#[test]
fn a_key_is_looked_up_by_its_name_its_section_and_a_slip() {
    let project = Project::new();
    let mut found = String::new();
    for asked in [
        "run.concurrency",
        "confirm_over",
        "budget",
        "models.NAME.base_url",
        "run.concurency",
        "zzzzz",
    ] {
        let ran = project.kaizen(&["doc", "kaizen.toml", asked]);
        found += &format!("== {asked}: {}\n{}{}", ran.code.unwrap_or(-1), ran.stdout, ran.stderr);
    }
    expect_test::expect![[r#"
        == run.concurrency: 0
        run.concurrency
          Maximum number of concurrent model calls. KAIZEN_CONCURRENCY and `--concurrency` override it.
          type     a whole number of at least 1
          default  no limit

            [run]
            concurrency = 8
        == confirm_over: 0
        watch.confirm_over
          `kaizen watch` asks before a re-run that may cost more than this, in dollars.
          type     an amount in dollars from 0 up to 9000000000
          default  0.25

            [watch]
            confirm_over = 1.0
        == budget: 0
        [budget]
          max_cost (default: no limit)
              Maximum cost of a run, in dollars. A call that could exceed it is not made.
          max_tokens (default: no limit)
              Maximum number of input and output tokens of a run.
          max_calls (default: no limit)
              Maximum number of model calls of a run.
          max_time (default: no limit)
              Maximum duration of a run.
        == models.NAME.base_url: 0
        models.NAME.base_url
          The address of the server.
          type     text
          default  the provider's own

            [models.fast]
            base_url = "http://127.0.0.1:8080/v1"
        == run.concurency: 1
        error: kaizen.toml has no key `run.concurency`; did you mean `run.concurrency`?
        == zzzzz: 1
        error: kaizen.toml has no key `zzzzz`; `kaizen doc kaizen.toml` lists all keys
    "#]].assert_eq(&found);
}

#[test]
fn the_schema_knows_every_key() {
    let project = Project::new();
    let ran = project.kaizen(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let keys = |section: &str| {
        let section = &schema["properties"][section];
        assert_eq!(section["additionalProperties"], false);
        section["properties"]
            .as_object()
            .expect("keys")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let sections = schema["properties"].as_object().expect("sections").keys();
    let mut found: String = sections
        .filter(|section| !["models", "mcp"].contains(&section.as_str()))
        .map(|section| section.clone() + ": " + keys(section).as_str() + "\n")
        .collect();
    for section in ["models", "mcp"] {
        let entry = &schema["properties"][section]["additionalProperties"];
        assert_eq!(entry["additionalProperties"], false);
        let keys = entry["properties"].as_object().expect("keys").keys().cloned();
        found += &format!("{section}.NAME: {}\n", keys.collect::<Vec<_>>().join(" "));
    }
    expect_test::expect![[r#"
        project: name model
        run: concurrency reuse suspend_after
        budget: max_cost max_tokens max_calls max_time
        limits: operations
        optimizer: learn_from_demo
        watch: quiet_ms confirm_over paths
        permissions: read write net env run deny_read deny_write deny_net deny_env deny_run
        secrets: names min_length
        store: durability keep max_size
        engine: store unsafe_durability temporal queue files lease
        otel: endpoint content headers
        models.NAME: use provider model base_url key max_concurrent requests_per_minute max_tokens_field price image_tokens tools temperature top_p max_tokens stop seed stream timeout_ms header_timeout_ms idle_timeout_ms attempts_max on_length extra latency_ms error_rate cost replies
        mcp.NAME: command env url key read approve only except start_timeout_ms timeout_ms pin protocol
    "#]].assert_eq(&found);
}

#[test]
fn an_unknown_key_of_the_file_gets_its_suggestion_from_the_same_table() {
    let project = Project::new();
    let mut found = String::new();
    for toml in [
        "[run]\nconcurency = 3",
        "[buget]\nmax_cost = 1",
        "[store]\nkeep = 30",
        "[secrets]\nmin_lenght = 9",
    ] {
        project.file("kaizen.toml", toml).file("s.rhai", "1");
        found += &project.kaizen(&["run", "s.rhai"]).stderr;
    }
    let found = found
        .replace(&project.path().canonicalize().expect("a folder").display().to_string(), "DIR");
    expect_test::expect![[r#"
        error: DIR/kaizen.toml: unknown setting `run.concurency`; did you mean `run.concurrency`?
        error: DIR/kaizen.toml: unknown setting `buget.max_cost`; did you mean `budget.max_cost`?
        error: DIR/kaizen.toml: `store.keep` must be a time such as "30d" or "12h", not `30`
        error: DIR/kaizen.toml: unknown setting `secrets.min_lenght`; did you mean `secrets.min_length`?
    "#]]
    .assert_eq(&found);
}
