//! Pictures as input of calls: where they come from, what they need, and what is kept of them.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use serde_json::{Value, json};
use std::io::Write as _;

const GIF: &[u8] = b"GIF89a-";
const TEXT: &str = "data:image/gif;base64,R0lGODlhLQ==";

fn project(server: &Server, script: &str) -> Project {
    let project = Project::new();
    project.with_server(server).file("s.rhai", script);
    std::fs::write(project.path().join("a.gif"), GIF).unwrap();
    project
}

/// Returns the content of each message of a user, as it was sent.
fn asked(server: &Server, request: usize) -> Vec<Value> {
    let sent: Value = serde_json::from_str(&server.bodies()[request]).unwrap();
    let messages = sent["messages"].as_array().unwrap();
    let of_user = messages.iter().filter(|message| message["role"] == "user");
    of_user.map(|message| message["content"].clone()).collect()
}

fn shown(text: &str) -> Value {
    json!([
        { "type": "text", "text": text },
        { "type": "image_url", "image_url": { "url": TEXT } },
    ])
}

#[test]
fn a_picture_is_a_path_a_text_or_bytes_and_stays_in_the_conversation() {
    let server = Server::start(|_, _, _| answer("a dot"));
    let script = r#"
        let b = branch();
        b.communicate("One?", #{ images: ["a.gif"] });
        b.chat("Two?", #{ images: [TEXT, "GIF89a-".to_blob()] });
        b.operate("Three?", #{ images: ["a.gif"] });
    "#;
    let script = script.replace("TEXT", &format!("\"{TEXT}\""));
    let more = r#"
        let again = branch_from(json(to_json(b.to_map())) + #{ model: "live" });
        again.chat("Four?");
        let g = builder("g");
        g.add_operation("communicate", #{ name: "five", instruction: "Five?", images: ["a.gif"] });
        g.add_operation("operate", #{ name: "six", depends_on: "five", instruction: "Six?", images: ["a.gif"] });
        session().flow(g);
        print("done");
    "#;
    let project = project(&server, &format!("{script}{more}"));
    let ran = project.kaizen(&["run", "s.rhai", "--quiet"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "done\n"), "{}", ran.stderr);

    let text = |text: &str| json!(text);
    let mut two = shown("Two?");
    let image = two[1].clone();
    two.as_array_mut().unwrap().push(image);
    assert_eq!(asked(&server, 0), [shown("One?")]);
    assert_eq!(asked(&server, 1), [shown("One?"), two]);
    assert_eq!(asked(&server, 2), [shown("One?"), shown("Three?")]);
    assert_eq!(asked(&server, 3), [shown("One?"), shown("Three?"), text("Four?")]);
    assert_eq!(asked(&server, 4), [shown("Five?")]);
    let six = asked(&server, 5);
    assert_eq!(six.last().unwrap()[1], shown("")[1], "{six:?}");

    // The journal knows pictures by their hashes, and what was answered is not asked again.
    let kept = project.kaizen(&["show", "@", "--json"]).stdout;
    assert!(kept.contains("\"mime\":\"image/gif\"") && !kept.contains("R0lGODlh"), "{kept}");
    let count = server.bodies().len();
    let again = project.kaizen(&["run", "--resume=@", "--quiet"]);
    assert_eq!((again.code, server.bodies().len()), (Some(0), count), "{}", again.stderr);

    // Another picture is another question.
    std::fs::write(project.path().join("a.gif"), b"GIF89a+").unwrap();
    let changed = project.kaizen(&["run", "--resume=@", "--quiet"]);
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    assert!(server.bodies().len() > count);
}

#[test]
fn what_is_no_picture_or_may_not_be_read_is_refused_before_a_call() {
    let server = Server::start(|_, _, _| answer("no"));
    let script = r#"
        let b = branch();
        for images in [
            "a.gif", [1], ["none.gif"], ["s.rhai"], ["large.gif"], ["https://example.com/a.gif"], ["data:x"],
            ["a.gif", "a.gif", "a.gif", "a.gif", "a.gif", "a.gif", "a.gif", "a.gif", "a.gif"],
            ["/etc/hostname"], ["GIF90a".to_blob()],
        ] {
            let e = attempt(|| b.chat("What?", #{ images: images })).error;
            print(`${e.kind}: ${e.message}`);
        }
        let kind = "act";
        print(attempt(|| builder("g").add_operation(kind, #{ tool: "t", images: [] })).error.message);
    "#;
    let project = project(&server, script);
    let mut large = std::fs::File::create(project.path().join("large.gif")).unwrap();
    large.write_all(GIF).unwrap();
    large.set_len((5 << 20) + 1).unwrap();

    let ran = project.kaizen(&["run", "s.rhai", "--quiet"]);
    expect_test::expect![[r#"
        option: option `images` of `chat`: must be a list of paths, `data:` texts or bytes, not string
        option: option `images` of `chat`: number 1 must be a path, a `data:` text or bytes
        file: `none.gif` (looked for in `.`): no such file
        option: option `images` of `chat`: number 1 (`s.rhai`) is not a PNG, JPEG, GIF or WebP picture
        option: option `images` of `chat`: number 1 (`large.gif`) has more than 5242880 bytes
        option: option `images` of `chat`: number 1 is an address; save the picture to a file and pass its path
        option: option `images` of `chat`: number 1 is not a text of the form `data:image/png;base64,..`
        option: option `images` of `chat`: has 9 pictures; at most 8 go with a question
        permission: reading `/etc/hostname` is not granted; run with `--allow-read=/etc/hostname`, or add "/etc/hostname" to `read` under [permissions] in kaizen.toml
        option: option `images` of `chat`: number 1 is not a PNG, JPEG, GIF or WebP picture
        operation kind `act` does not accept `images`
    "#]]
    .assert_eq(&format!("{}{}", ran.stdout, ran.stderr));
    assert!(server.bodies().is_empty());
}

#[test]
fn a_budget_bounds_pictures_whose_tokens_are_known() {
    let server = Server::start(|_, _, _| answer("a dot"));
    let script = r#"
        let price = #{ input: 1.0, output: 1.0, per: "1M" };
        let ask = |tokens| {
            let m = #{ "use": "openai/m", base_url: param("url"), price: price, max_tokens: 10 };
            if tokens > 0 { m.image_tokens = tokens }
            let r = attempt(|| branch(#{ model: imodel(m) }).chat("What?", #{ images: ["a.gif"] }));
            r.value ?? r.error.kind
        };
        print([ask.call(0), ask.call(1000), ask.call(1000000)]);
    "#;
    let project = project(&server, script);
    let url = format!("url={}", server.url);
    let ran: Ran =
        project.kaizen(&["run", "s.rhai", "--quiet", "-p", &url, "--max-cost=0.01", "--allow-net"]);
    assert_eq!(ran.stdout, "[\"budget\", \"a dot\", \"budget\"]\n", "{}", ran.stderr);
}
