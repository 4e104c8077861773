//! The page in a real browser: keys, widths, themes, live runs, and what strangers wrote.

use super::{Page, SCRIPT};
use crate::support::Project;
use crate::support::browser::Browser;
use serde_json::{Value, json};

const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";

/// Markup that would run if it were taken as markup.
const MARKUP: &str = r#"
    let evil = "</script><script>window.stung = 1</script><img src=x onerror='window.stung = 1'>";
    let b = builder(evil);
    let first = b.add_operation("communicate", #{ name: "<img src=x onerror='window.stung = 1'>", instruction: evil });
    let fails = b.add_operation(|inputs| throw "<svg onload='window.stung = 1'>", #{ name: "'\"><b>bad</b>" });
    session(branch("demo/echo")).flow(b, #{ allow_failures: true });
    log.info(evil);
    evil
"#;

fn project(script: &str) -> Project {
    let project = Project::new();
    project.file("s.rhai", script);
    project.kaizen(&["run", "s.rhai", "-q"]);
    project
}

fn newest(page: &Page) -> String {
    page.data("/api/runs")["rows"][0]["id"].as_str().unwrap().to_owned()
}

impl Page {
    /// Opens a place of the page, and waits until it is shown.
    pub(super) fn visit(&self, browser: &Browser, place: &str) {
        let name = place.trim_start_matches('/').split(['/', '?']).next().unwrap();
        // A page that differs only after `#` would not be loaded again.
        browser.open("about:blank");
        browser.open(&format!(
            "http://127.0.0.1:{}/#t={}&go={}",
            self.port,
            self.token,
            escaped(place)
        ));
        browser.ready(name);
    }
}

/// Escapes what would end the part of an address.
fn escaped(place: &str) -> String {
    place.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23")
}

#[test]
fn a_failure_is_found_by_keys_alone() {
    let Some(browser) = Browser::start() else { return };
    let project = project(SCRIPT);
    let page = Page::of(&project);

    page.visit(&browser, "/runs");
    assert_eq!(
        browser.run("return location.hash"),
        json!("#/runs"),
        "the token leaves the address"
    );
    browser.press("j");
    browser.press(ENTER);
    browser.ready("run");

    browser.press("f");
    browser.wait("document.querySelector('aside h2')?.textContent === 'fails'");
    let failure = browser.run(
        "return document.querySelector('aside .note.bad').textContent.includes('no <b>good</b>')",
    );
    assert_eq!(failure, json!(true));
    browser.wait("document.activeElement?.getAttribute('aria-label')?.startsWith('fails, failed')");

    browser.press("g");
    browser.wait("document.querySelectorAll('.dag g.node').length === 4");
    browser.press("l");
    browser.wait("document.querySelector('main').textContent.includes('half of tea')");
    browser.press("t");
    browser.wait("document.querySelector('.tl')");

    browser.press(ESCAPE);
    browser.wait("!document.querySelector('aside')");
    browser.wait("document.activeElement?.dataset.op != null");

    // The button that closes the panel leaves the focus where Escape does.
    for view in ["t", "g"] {
        browser.press(view);
        browser.wait("document.querySelector(':is(.tl, .dag) [data-op]')");
        browser.run("document.querySelector(':is(.tl, .dag) [data-op]').focus()");
        browser.press(ENTER);
        browser.wait("document.querySelector('aside button[aria-label=Close]')");
        browser.run("document.querySelector('aside button[aria-label=Close]').click()");
        browser.wait("!document.querySelector('aside')");
        browser.wait("document.activeElement?.dataset.op != null");
    }
}

#[test]
fn the_wrong_answers_of_a_pattern_are_two_clicks_and_one_command_away() {
    let Some(browser) = Browser::start() else { return };
    let project = Project::new();
    project.file(
        "direct.rhai",
        "branch(`demo/echo`).chat(`Good or bad? ${param(\"input\", \"\", \"a review\")}`)",
    );
    project.file(
        "rule.rhai",
        "if param(\"input\", \"\", \"a review\").contains(\"fine\") { \"good\" } else { \"bad\" }",
    );
    let tasks: Vec<String> = (0..40)
        .map(|n| {
            let (word, expected) = if n % 3 == 0 { ("awful", "bad") } else { ("fine", "good") };
            json!({ "input": format!("Tea {n} was {word}."), "expected": expected }).to_string()
        })
        .collect();
    project.file("reviews.jsonl", &tasks.join("\n"));
    let ran =
        project.kaizen(&["compare", "direct.rhai", "rule.rhai", "--tasks", "reviews.jsonl", "-q"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let page = Page::of(&project);
    page.visit(&browser, "/runs");
    browser.run("document.querySelector('tr.row td.main').click()");
    browser.wait("document.querySelector('th.pattern button')");
    browser.run("document.querySelector('th.pattern button').click()");
    browser.wait("document.querySelectorAll('td.case.wrong .answer-text').length > 0");
    let shown = browser.run(
        "return [...document.querySelectorAll('tbody tr')].map(row => row.querySelector('td.case.wrong .answer-text')?.textContent ?? '')",
    );
    let shown: Vec<&str> =
        shown.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(shown.iter().all(|answer| answer.contains("Good or bad? Tea ")), "{shown:?}");

    let listed = project.kaizen(&["show", "@", "--inputs=wrong", "--json"]).stdout;
    assert_eq!(
        listed.lines().filter(|line| line.contains("direct")).count() > 0,
        !shown.is_empty()
    );
}

#[test]
fn a_run_appears_and_grows_while_it_is_watched() {
    let Some(browser) = Browser::start() else { return };
    let project = project("print(1);");
    let page = Page::of(&project);
    project.file(
        "live.rhai",
        r#"for i in 0..3 { branch("demo/echo").chat(`Part ${i}.`); } ask("Go on?")"#,
    );

    page.visit(&browser, "/runs");
    project.kaizen(&["run", "live.rhai", "-q"]);
    browser.wait("document.querySelector('tr.row td.main')?.textContent.includes('live.rhai')");
    browser.wait("document.querySelector('tr.row')?.textContent.includes('waits for an answer')");

    // The question is shown where the run is.
    browser.press("j");
    browser.press(ENTER);
    browser.ready("run");
    browser.wait("document.querySelector('.question')?.textContent.includes('Go on?')");
}

#[test]
fn what_strangers_wrote_stays_text() {
    let Some(browser) = Browser::start() else { return };
    let project = project(MARKUP);
    let page = Page::of(&project);
    let run = newest(&page);
    let origin = format!("http://127.0.0.1:{}/", page.port);

    let places = ["", "?op=0", "?op=1", "?view=graph", "?view=log", "?view=result"]
        .map(|rest| format!("/run/{run}{rest}"));
    let others =
        ["/runs", "/failures", "/cost", "/learning/<img src=x onerror='window.stung = 1'>"]
            .map(str::to_owned);
    for place in places.iter().chain(&others) {
        page.visit(&browser, place);
        let seen = browser.run(
            "return [window.stung ?? null, document.querySelectorAll('main img, main script, main iframe').length, \
             performance.getEntriesByType('resource').map(one => one.name)]",
        );
        assert_eq!((&seen[0], &seen[1]), (&Value::Null, &json!(0)), "{place}");
        let asked = seen[2].as_array().unwrap();
        let foreign: Vec<_> =
            asked.iter().filter(|name| !name.as_str().unwrap().starts_with(&origin)).collect();
        assert!(foreign.is_empty(), "{place}: {foreign:?}");
    }

    let file = project.path().join("report.html");
    let made = project.kaizen(&["report", &run, "-o", file.to_str().unwrap()]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    browser.open(&format!("file://{}", file.display()));
    browser.ready("report");
    let seen = browser.run(
        "return [window.stung ?? null, document.querySelectorAll('img, iframe').length, \
         performance.getEntriesByType('resource').length]",
    );
    assert_eq!(seen, json!([null, 0, 0]));
}

#[test]
fn every_page_fits_each_width_and_theme() {
    let Some(browser) = Browser::start() else { return };
    let project = project(SCRIPT);
    project.kaizen(&["run", "s.rhai", "-q", "-p", "topic=coffee"]);
    let page = Page::of(&project);
    let run = newest(&page);
    let rows = page.data("/api/runs");
    let before = rows["rows"][1]["id"].as_str().unwrap();
    // axe-core is not ours to ship; CI fetches it and names its file.
    let axe = std::env::var_os("AXE")
        .map(|file| std::fs::read_to_string(file).expect("the file of axe-core"));
    browser.devtool("Page.setBypassCSP", &json!({ "enabled": true }));

    let places = [
        "/runs".to_owned(),
        "/waiting".to_owned(),
        format!("/run/{run}"),
        format!("/run/{run}?op=1"),
        format!("/run/{run}?view=graph"),
        format!("/run/{run}?view=log"),
        format!("/compare/{before}/{run}"),
        "/learning".to_owned(),
        "/failures".to_owned(),
        "/cost".to_owned(),
        "/run/none".to_owned(),
    ];
    for (width, theme) in
        [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"), (320, "light")]
    {
        browser.show_as(width, theme);
        for place in &places {
            page.visit(&browser, place);
            let over = browser.run(
                "const page = document.documentElement; return page.scrollWidth - page.clientWidth",
            );
            assert_eq!(over, json!(0), "{place} scrolls sideways at {width}");

            if let Some(axe) = axe.as_ref().filter(|_| width > 320) {
                browser.run(&format!("{axe}; window.found = null; axe.run(document).then(told => {{ window.found = told.violations }})"));
                browser.wait("window.found");
                let found = browser
                    .run("return window.found.map(one => one.id + ' ' + one.nodes[0].target)");
                assert_eq!(found, json!([]), "{place} at {width}, {theme}");
            }
        }
    }
}
