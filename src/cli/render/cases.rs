//! The cases of a comparison, one row for each pattern on each input: as a table for people, and as a file.

use crate::base::csv;
use crate::base::json::as_text;
use crate::base::visible::on_one_line;
use crate::cli::render::table;
use crate::optimizer::trial::cases::Case;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The narrowest that a column of text becomes.
const TEXT_MIN: usize = 8;
/// Columns of the table.
const HEAD: [&str; 6] = [">#", "input", "expected", "script", "answer", ">score"];
/// Those among them that are cut where the table is too wide.
const TEXTS: [usize; 4] = [1, 2, 3, 4];

/// The ways to write cases to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum CaseFormat {
    Csv,
    JsonLines,
    Markdown,
}

impl CaseFormat {
    /// Returns the format that the ending of a file's name says.
    pub(in crate::cli) fn of(path: &std::path::Path) -> Option<CaseFormat> {
        match path.extension()?.to_str()? {
            "csv" => Some(CaseFormat::Csv),
            "jsonl" => Some(CaseFormat::JsonLines),
            "md" => Some(CaseFormat::Markdown),
            _ => None,
        }
    }

    /// Writes cases in this format.
    pub(in crate::cli) fn write(self, cases: &[&Case]) -> String {
        match self {
            CaseFormat::Csv => to_csv(cases),
            CaseFormat::JsonLines => {
                let lines = cases.iter().map(|case| case.to_value().to_string() + "\n");
                lines.collect()
            }
            CaseFormat::Markdown => to_markdown(cases),
        }
    }
}

/// Draws cases as a table that is at most so wide; longer texts are cut. An input is named once.
pub(in crate::cli) fn table(cases: &[&Case], width: usize) -> String {
    let main = main_field(cases);
    let mut last = None;
    let mut rows: Vec<Vec<String>> = Vec::new();

    for case in cases {
        let place = Some((&case.task, case.number));
        let is_same = last == place;
        last = place;

        let once = |text: String| if is_same { String::new() } else { text };
        rows.push(vec![
            once(case.number.to_string()),
            once(input(case, main)),
            once(case.expected.as_ref().map_or_else(|| "-".to_owned(), as_text)),
            script(case),
            answer(case),
            score(case),
        ]);
    }

    for row in &mut rows {
        for cell in row {
            *cell = on_one_line(cell).into_owned();
        }
    }
    shorten(&mut rows, width);
    table::render(&HEAD, &rows)
}

/// Cuts the longest texts until the rows fit.
fn shorten(rows: &mut [Vec<String>], width: usize) {
    let mut widths: Vec<usize> = HEAD
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([name.trim_start_matches('>').len()]).max().unwrap_or(0)
        })
        .collect();

    let between = 2 * (HEAD.len() - 1);
    while widths.iter().sum::<usize>() + between > width {
        let longest = TEXTS.into_iter().max_by_key(|column| widths[*column]).unwrap_or(1);
        if widths[longest] <= TEXT_MIN {
            break;
        }
        widths[longest] -= 1;
    }

    for row in rows {
        for (cell, most) in row.iter_mut().zip(&widths) {
            if cell.chars().count() > *most {
                *cell = cell.chars().take(most - 1).chain(['…']).collect();
            }
        }
    }
}

/// Tells whether a field of an input was given to the scripts, as far as that is known.
fn is_given(case: &Case, name: &str) -> bool {
    case.given.is_empty() || case.given.iter().any(|given| given == name)
}

/// Writes an input: of a map the field that says most, then the others with their names. Fields that no script
/// was given explain nothing, and are left out.
fn input(case: &Case, main: Option<&str>) -> String {
    let Some(fields) = case.input.as_object() else { return as_text(&case.input) };
    let first = main.and_then(|name| fields.get(name)).map(as_text);
    let has_first = first.is_some();

    let is_other = |name: &str| !has_first || Some(name) != main;
    let rest = fields.iter().filter(|(name, _)| is_other(name) && is_given(case, name));
    let rest = rest.map(|(name, value)| format!("{name}: {}", as_text(value)));
    first.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}

/// Finds the field of the inputs that says most: the one with the longest texts.
fn main_field<'a>(cases: &[&'a Case]) -> Option<&'a str> {
    let length = |name: &str| -> usize {
        cases.iter().filter_map(|case| case.input.get(name)).map(|value| as_text(value).len()).sum()
    };
    let is_given = |name: &&str| cases.iter().any(|case| is_given(case, name));
    // Of two that are equally long the first counts.
    fields(cases).into_iter().filter(is_given).rev().max_by_key(|name| length(name))
}

fn script(case: &Case) -> String {
    match case.repeat {
        0 | 1 => case.pattern.clone(),
        repeat => format!("{} ({repeat})", case.pattern),
    }
}

fn answer(case: &Case) -> String {
    match (&case.error, &case.answer) {
        (Some(error), _) => format!("failed: {error}"),
        (None, Some(answer)) => as_text(answer),
        (None, None) => "-".to_owned(),
    }
}

fn score(case: &Case) -> String {
    case.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Returns the names of all fields of inputs, in the order in which they first appear.
fn fields<'a>(cases: &[&'a Case]) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    let maps = cases.iter().filter_map(|case| case.input.as_object());
    maps.flat_map(serde_json::Map::keys)
        .map(String::as_str)
        .filter(|name| seen.insert(*name))
        .collect()
}

/// Returns the head and the rows of a file: each field of an input has a column of its own.
fn rows(cases: &[&Case]) -> (Vec<String>, Vec<Vec<String>>) {
    let fields = fields(cases);
    let is_bare = cases.iter().any(|case| !case.input.is_object());
    let own = ["expected", "script", "repeat", "answer", "score", "wrong", "error", "time", "cost"];

    // A field of an input may have the name of a column.
    let name = |field: &&str| {
        let is_taken = own.contains(field) || *field == "number" || is_bare && *field == "input";
        if is_taken { format!("input.{field}") } else { (*field).to_owned() }
    };
    let mut head = vec!["number".to_owned()];
    head.extend(is_bare.then(|| "input".to_owned()));
    head.extend(fields.iter().map(name));
    head.extend(own.map(str::to_owned));

    let row = |case: &&Case| {
        let mut row = vec![case.number.to_string()];
        row.extend(
            is_bare
                .then(|| if case.input.is_object() { String::new() } else { as_text(&case.input) }),
        );
        row.extend(
            fields.iter().map(|field| case.input.get(field).map_or_else(String::new, as_text)),
        );
        row.extend([
            case.expected.as_ref().map_or_else(String::new, as_text),
            case.pattern.clone(),
            case.repeat.to_string(),
            case.answer.as_ref().map_or_else(String::new, as_text),
            number(case.score),
            case.is_wrong().to_string(),
            case.error.clone().unwrap_or_default(),
            number(case.time),
            number(case.cost),
        ]);
        row
    };
    (head, cases.iter().map(row).collect())
}

fn to_csv(cases: &[&Case]) -> String {
    let (head, rows) = rows(cases);
    let lines = [&head].into_iter().chain(&rows).map(|row| format!("{}\n", csv::line(row)));
    lines.collect()
}

fn to_markdown(cases: &[&Case]) -> String {
    let cell = |text: &str| {
        let lines = text.replace('|', "\\|").replace("\r\n", "<br>").replace('\n', "<br>");
        on_one_line(&lines).into_owned()
    };
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));

    let main = main_field(cases);
    let mut text = line(HEAD.map(|name| name.trim_start_matches('>').to_owned()).to_vec());
    text += "| ---: | --- | --- | --- | --- | ---: |\n";
    for case in cases {
        let expected = case.expected.as_ref().map_or_else(|| "-".to_owned(), as_text);
        let cells = [input(case, main), expected, script(case), answer(case), score(case)];
        let number = [case.number.to_string()].into_iter();
        text += &line(number.chain(cells.iter().map(|text| cell(text))).collect());
    }
    text
}

/// Returns how many cases of each pattern are wrong, such as `right 2 of 30`.
pub(in crate::cli) fn tally(cases: &[Case]) -> String {
    let mut found: Vec<(&str, usize, usize)> = Vec::new();
    for case in cases {
        let wrong = usize::from(case.is_wrong());
        match found.iter_mut().find(|(pattern, ..)| *pattern == case.pattern) {
            Some((_, of, count)) => {
                *of += 1;
                *count += wrong;
            }
            None => found.push((&case.pattern, 1, wrong)),
        }
    }

    let each = found.iter().map(|(pattern, of, wrong)| format!("{pattern} {wrong} of {of}"));
    format!("wrong: {}", each.collect::<Vec<_>>().join(", "))
}

/// Returns cases as the records of `--json`.
pub(in crate::cli) fn to_json(cases: &[&Case]) -> Value {
    json!(cases.iter().map(|case| case.to_value()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn cases() -> Vec<Case> {
        let long =
            "The parcel with the blue bicycle has not come, and it is three weeks late by now";
        let case = |number, pattern: &str, repeat, answer: Option<Value>, score| Case {
            task: "tickets".to_owned(),
            number,
            pattern: pattern.to_owned(),
            repeat,
            input: json!({ "id": number, "text": if number == 1 { long } else { "Pay | me\nnow" } }),
            given: Vec::new(),
            expected: Some(json!("delivery")),
            error: answer.is_none().then(|| "timeout: no answer within 2 s".to_owned()),
            answer,
            op: Some(7),
            score,
            time: Some(0.25),
            cost: None,
        };
        vec![
            case(1, "short", 1, Some(json!("billing")), Some(0.0)),
            case(1, "long", 1, Some(json!("delivery")), Some(1.0)),
            case(2, "short", 1, Some(json!(["billing", 2])), Some(0.25)),
            case(2, "long", 1, None, None),
        ]
    }

    #[test]
    fn a_table_fits_the_screen() {
        let cases = cases();
        let all: Vec<&Case> = cases.iter().collect();
        let found = format!("{}\n\n{}\n\n{}\n", table(&all, 100), table(&all, 60), tally(&cases));
        expect![[r##"
            #  input                                expected  script  answer                               score
            1  The parcel with the blue bicycle h…  delivery  short   billing                               0.00
                                                              long    delivery                              1.00
            2  Pay | me\nnow, id: 2                 delivery  short   ["billing",2]                         0.25
                                                              long    failed: timeout: no answer within …      -

            #  input            expected  script  answer           score
            1  The parcel wit…  delivery  short   billing           0.00
                                          long    delivery          1.00
            2  Pay | me\nnow,…  delivery  short   ["billing",2]     0.25
                                          long    failed: timeou…      -

            wrong: short 2 of 2, long 1 of 2
        "##]]
        .assert_eq(&found);
        assert!(table(&all, 60).lines().all(|line| line.chars().count() <= 60));
    }

    #[test]
    fn files_hold_everything_in_full() {
        let cases = cases();
        let all: Vec<&Case> = cases.iter().collect();
        let formats = [CaseFormat::Csv, CaseFormat::JsonLines, CaseFormat::Markdown];
        let found: Vec<String> = formats.map(|format| format.write(&all[2..])).to_vec();
        expect![[r#"
            number,id,text,expected,script,repeat,answer,score,wrong,error,time,cost
            2,2,"Pay | me
            now",delivery,short,1,"[""billing"",2]",0.25,true,,0.25,
            2,2,"Pay | me
            now",delivery,long,1,,,true,timeout: no answer within 2 s,0.25,

            {"task_type":"tickets","number":2,"input":{"id":2,"text":"Pay | me\nnow"},"expected":"delivery","pattern":"short","repeat":1,"answer":["billing",2],"score":0.25,"wrong":true,"error":null,"time":0.25,"cost":null,"op":7}
            {"task_type":"tickets","number":2,"input":{"id":2,"text":"Pay | me\nnow"},"expected":"delivery","pattern":"long","repeat":1,"answer":null,"score":null,"wrong":true,"error":"timeout: no answer within 2 s","time":0.25,"cost":null,"op":7}

            | # | input | expected | script | answer | score |
            | ---: | --- | --- | --- | --- | ---: |
            | 2 | Pay \| me<br>now, id: 2 | delivery | short | ["billing",2] | 0.25 |
            | 2 | Pay \| me<br>now, id: 2 | delivery | long | failed: timeout: no answer within 2 s | - |
        "#]]
        .assert_eq(&found.join("\n"));
    }
}
