//! The public names of the crate: a change of them is a decision.

use expect_test::expect;
use std::fmt::Write as _;

/// Returns the names of a list `pub use embed::{..};`.
fn used(text: &str) -> Vec<&str> {
    let (_, rest) = text.split_once("pub use embed::{").unwrap();
    let (list, _) = rest.split_once('}').unwrap();
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Returns what a file of the facade offers: its types, their functions, fields and variants.
fn members(text: &str) -> String {
    let starts = ["pub fn ", "pub async fn ", "pub struct ", "pub enum ", "pub trait ", "pub "];
    let mut found = String::new();
    let mut is_enum = false;
    let mut is_trait = false;
    let mut is_hidden = false;

    for line in text.lines() {
        let code = line.trim_start();
        is_enum &= line != "}";
        is_trait &= line != "}";
        let is_text =
            code.is_empty() || code.starts_with("//") || code.starts_with(['#', '}', ')']);
        let is_of_trait = is_trait && code.starts_with("fn ");
        let is_offered =
            is_enum || is_of_trait || starts.iter().any(|start| code.starts_with(start));

        if !is_text && is_offered && !is_hidden {
            let end = code.find(['(', '<', '{']).filter(|_| !is_enum).unwrap_or(code.len());
            let _ = writeln!(found, "  {}", code[..end].trim_end_matches([' ', ',', '{']));
        }
        is_enum |= line.starts_with("pub enum ");
        is_trait |= line.starts_with("pub trait ");
        is_hidden = code == "#[doc(hidden)]";
    }
    found
}

#[test]
fn the_public_names_are_these() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = std::fs::read_to_string(root.join("lib.rs")).unwrap();
    let facade = std::fs::read_to_string(root.join("embed/mod.rs")).unwrap();

    let mut names = used(&library).join("\n");
    names.push_str("\n\n");
    for line in facade.lines().filter(|line| line.starts_with("pub use ")) {
        let file = line["pub use ".len()..].split("::").next().unwrap();
        let text = std::fs::read_to_string(root.join(format!("embed/{file}.rs"))).unwrap();
        let _ = write!(names, "{file}\n{}", members(&text));
    }
    expect![[r#"
        Advice
        Budget
        Error
        Event
        Events
        Function
        Model
        ModelSource
        Outcome
        Permissions
        Reply
        Request
        Run
        RunBuilder
        Runtime
        RuntimeBuilder

        advice
          pub struct Advice
          pub pattern: String
          pub reason: String
          pub probability: f64
          pub is_guess: bool
          pub is_explored: bool
          pub alternatives: Vec
        budget
          pub struct Budget
          pub fn unlimited
          pub fn max_cost
          pub fn tokens
          pub fn calls
          pub fn time
        builder
          pub struct RuntimeBuilder
          pub fn project
          pub fn in_memory
          pub fn script
          pub fn model
          pub fn default_model
          pub fn variable
          pub fn function
          pub fn tool
          pub fn permissions
          pub fn budget
          pub fn threads
          pub fn build
        error
          pub enum Error
          Setup
          message: String
          Refused
          problems: Vec<String>
          Failed
          run: String
          kind: String
          message: String
          Cancelled
          run: String
          Waiting
          run: String
          questions: Vec<String>
          Value
          run: String
          message: String
          Store
          message: String
          Closed
        event
          pub enum Event
          Started
          run: String
          FlowStarted
          name: String
          operations: Vec<String>
          OperationStarted
          operation: String
          CallStarted
          operation: String
          model: String
          attempt: u32
          CallEnded
          operation: String
          attempt: u32
          reply: Option<String>
          error: Option<String>
          cost: Option<f64>
          tokens: Option<u64>
          reused: bool
          ToolStarted
          operation: String
          tool: String
          args: Value
          ToolEnded
          operation: String
          result: Option<Value>
          error: Option<String>
          EffectEnded
          what: String
          value: Option<Value>
          error: Option<String>
          OperationEnded
          operation: String
          outcome: &'static str
          value: Option<Value>
          error: Option<String>
          Logged
          level: String
          text: String
          Printed
          text: String
          Noted
          text: String
          Asked
          question: String
          Ended
          status: String
          value: Value
          error: Option<String>
          Other
          event: Value
          Missed
          count: u64
        function
          pub trait Function
        model
          pub trait Model: Send + Sync + 'static
          fn reply
          fn price
          pub struct Request
          pub fn prompt
          pub fn messages
          pub fn system
          pub fn schema
          pub fn max_tokens
          pub fn to_json
          pub struct Reply
          pub fn text
          pub fn call
          pub fn tokens
          pub struct ModelSource
        order
          pub struct RunBuilder
          pub fn param
          pub fn seed
          pub fn model
          pub fn budget
          pub fn resume
          pub fn answer
          pub fn start
        outcome
          pub struct Outcome
          pub run: String
          pub value: T
          pub calls: u64
          pub reused: u64
          pub tokens: Option
          pub cost: Option
          pub time: Duration
        permissions
          pub struct Permissions
          pub fn none
          pub fn read
          pub fn write
          pub fn net
          pub fn env
          pub fn run
          pub fn deny_read
          pub fn deny_write
          pub fn deny_net
          pub fn approve
        run
          pub struct Run
          pub fn id
          pub fn events
          pub fn cancel
          pub async fn finish
          pub struct Events
          pub async fn next
        runtime
          pub struct Runtime
          pub fn builder
          pub fn run
          pub fn advise
          pub fn advise_among
          pub async fn record
          pub async fn close
    "#]]
    .assert_eq(&names);

    // Every other module is hidden or private: nobody relies on it.
    let lines: Vec<&str> = library.lines().collect();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub mod ")) {
        let before = &lines[place.saturating_sub(2)..place];
        assert!(before.contains(&"#[doc(hidden)]"), "{line}");
    }
}
