//! The reference as one page for a browser: it loads nothing, and reads well without its script.

use crate::script::api::{WordEntry, groups};
use std::collections::BTreeSet;

/// What stands in every page that kaizen writes.
pub(in crate::cli) const MARK: &str = "<meta name=\"generator\" content=\"kaizen doc --html\">";

/// Nothing is loaded from anywhere; the style and the script stand in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "
:root { color-scheme: light dark; --text: #1c1c1e; --dim: #5c5f66; --back: #fff;
  --block: #f4f4f2; --line: #ddd; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e3; --dim: #a0a4ab; --back: #17181a; --block: #222427; --line: #3a3d42;
    --link: #8ab8f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 4rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
h1 { font-size: 1.6rem; margin: 1.5rem 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font: 600 1.1rem/1.5 ui-monospace, monospace; margin: 1.5rem 0 .25rem; }
pre, code { font-family: ui-monospace, monospace; font-size: .9rem; }
pre { background: var(--block); border-radius: .4rem; padding: .6rem .8rem; overflow-x: auto; }
pre.forms { background: none; padding: 0; margin: .25rem 0; color: var(--dim);
  white-space: pre-wrap; }
p { max-width: 46rem; margin: .5rem 0; }
article { scroll-margin-top: 4rem; }
article:target h3 { background: var(--block); }
.find { position: sticky; top: 0; background: var(--back); padding: .6rem 0; }
.find input { font: inherit; width: min(26rem, 70%); padding: .3rem .6rem; color: inherit;
  background: var(--block); border: 1px solid var(--line); border-radius: .4rem; }
.find output { color: var(--dim); margin-left: .75rem; }
nav h2 { font-size: .95rem; margin: 1rem 0 .1rem; border: 0; }
nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap;
  gap: 0 1rem; font: .9rem/1.6 ui-monospace, monospace; }
[hidden] { display: none; }
@media (min-width: 60rem) {
  .both { display: grid; grid-template-columns: 15rem minmax(0, 1fr); gap: 2.5rem; }
  nav { position: sticky; top: 4rem; align-self: start; max-height: calc(100vh - 5rem);
    overflow-y: auto; }
  nav ul { display: block; } }
@media print { nav, .find { display: none; } }
";

const SCRIPT: &str = "
const box = document.querySelector('.find'), input = box.querySelector('input');
const told = box.querySelector('output');
const words = [...document.querySelectorAll('article')].map(article => ({
  article, text: article.textContent.toLowerCase(),
  link: document.querySelector('nav a[href=\"#' + article.id + '\"]').parentElement }));
const groups = [...document.querySelectorAll('[data-group]')];
function filter() {
  const asked = input.value.toLowerCase().split(/\\s+/).filter(word => word);
  let count = 0;
  for (const word of words) {
    const fits = asked.every(part => word.text.includes(part));
    word.article.hidden = word.link.hidden = !fits;
    count += fits;
  }
  for (const group of groups)
    group.hidden = !group.querySelector('article:not([hidden]), li:not([hidden])');
  told.textContent = asked.length ? count + (count === 1 ? ' entry' : ' entries') : '';
}
input.addEventListener('input', filter);
input.addEventListener('keydown', event => {
  if (event.key === 'Escape') { input.value = ''; filter(); }
  if (event.key !== 'Enter') return;
  const name = input.value.trim().toLowerCase(), shown = words.filter(w => !w.article.hidden);
  const best = shown.find(w => w.article.id.toLowerCase() === name)
    || shown.find(w => w.article.id.toLowerCase().includes(name)) || shown[0];
  if (best) location.hash = best.article.id;
});
document.addEventListener('keydown', event => {
  if (event.key === '/' && document.activeElement !== input) {
    event.preventDefault(); input.focus();
  }
});
window.addEventListener('hashchange', () => {
  const aim = words.find(word => '#' + word.article.id === location.hash);
  if (aim && aim.article.hidden) { input.value = ''; filter(); aim.article.scrollIntoView(); }
});
box.hidden = false;
";

/// Writes the page.
pub(in crate::cli) fn page(entries: &[WordEntry]) -> String {
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut links = String::new();
    let mut texts = String::new();

    for group in groups() {
        let of: Vec<&WordEntry> = entries.iter().filter(|entry| entry.group == group).collect();
        let id = format!("about-{}", group.replace(' ', "-"));
        links.push_str(&format!("<div data-group><h2><a href=\"#{id}\">{group}</a></h2>\n<ul>\n"));
        texts.push_str(&format!("<section data-group id=\"{id}\"><h2>{group}</h2>\n"));

        for entry in of {
            let name = escape(&entry.name);
            links.push_str(&format!("<li><a href=\"#{name}\">{name}</a></li>\n"));
            texts.push_str(&article(entry, &names));
        }

        links.push_str("</ul></div>\n");
        texts.push_str("</section>\n");
    }

    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{MARK}\n\
         <title>kaizen script API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>kaizen script API</h1>\n\
         <p>kaizen {version}. In addition, scripts can use all of the <a \
          href=\"https://rhai.rs/book/\">Rhai</a> language and its standard library. Pass options \
          as a map in the last argument; unknown keys are errors.</p></header>\n\
         <div class=\"find\" hidden><input type=\"search\" placeholder=\"Search\" \
         aria-label=\"Search\" autocomplete=\"off\"><output></output></div>\n\
         <div class=\"both\">\n<nav aria-label=\"Entries\">\n{links}</nav>\n\
         <main>\n{texts}</main>\n</div>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// Writes one word. Its anchor is its name; no other id of the page can be one, as all have a dash.
fn article(entry: &WordEntry, names: &BTreeSet<&str>) -> String {
    let name = escape(&entry.name);
    let mut text = format!("<article id=\"{name}\"><h3><a href=\"#{name}\">{name}</a></h3>\n");

    let forms = escape(&entry.signatures.join("\n"));
    text.push_str(&format!("<pre class=\"forms\">{forms}</pre>\n"));

    for paragraph in entry.paragraphs() {
        text.push_str(&format!("<p>{}</p>\n", prose(&paragraph, &entry.name, names)));
    }
    for example in entry.examples() {
        text.push_str(&format!("<pre><code>{}</code></pre>\n", escape(example)));
    }

    text.push_str("</article>\n");
    text
}

/// Writes a paragraph: what stands in backticks is code, and the names of other words lead there.
fn prose(text: &str, own: &str, names: &BTreeSet<&str>) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let shown = escape(part);
        if index % 2 == 0 {
            shown
        } else if part != own && names.contains(part) {
            format!("<a href=\"#{shown}\"><code>{shown}</code></a>")
        } else {
            format!("<code>{shown}</code>")
        }
    });

    parts.collect()
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());

    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }

    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_word_is_taken_for_markup() {
        let entry = WordEntry {
            name: "a<b".into(),
            group: "data",
            signatures: vec!["f(x: <i>) -> \"y\"".into()],
            doc: "One <b> & `<c>`, `fork` and `a<b`.\n```rhai\nif 1 < 2 && x > '</code>' {}\n```"
                .into(),
        };

        let shown = article(&entry, &BTreeSet::from(["fork", "a<b"]));
        assert_eq!(
            shown,
            "<article id=\"a&lt;b\"><h3><a href=\"#a&lt;b\">a&lt;b</a></h3>\n\
             <pre class=\"forms\">f(x: &lt;i&gt;) -&gt; &quot;y&quot;</pre>\n\
             <p>One &lt;b&gt; &amp; <code>&lt;c&gt;</code>, <a href=\"#fork\"><code>fork</code></a> \
             and <code>a&lt;b</code>.</p>\n\
             <pre><code>if 1 &lt; 2 &amp;&amp; x &gt; &#39;&lt;/code&gt;&#39; {}</code></pre>\n\
             </article>\n"
        );
    }
}
