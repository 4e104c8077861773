//! Pictures of what was learned: a dot and a whisker for each pattern, and how well the chosen
//! patterns did over time; in the terminal and as SVG.

use crate::base::visible::on_one_line;
use crate::optimizer::choice::policy::RankedPattern;
use std::fmt::Write as _;

/// Width of a plot in the terminal, in characters.
const WIDTH: usize = 48;
/// Executions over which the learning curve is smoothed.
const SMOOTHED: usize = 10;
/// Sizes of the picture, in pixels.
const LEFT: f64 = 150.0;
const SPAN: f64 = 560.0;
const ROW: f64 = 26.0;
const CURVE: f64 = 160.0;

/// Draws a line for each pattern: `├──●──┤` from 0 to 1.
pub(in crate::cli) fn plot(ranked: &[RankedPattern]) -> String {
    let widest = ranked
        .iter()
        .map(|one| on_one_line(one.pattern.as_str()).chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();

    for one in ranked {
        let mut line = vec![' '; WIDTH + 1];
        let low = place(one.interval.low);
        let high = place(one.interval.high);
        line[low..=high].fill('─');
        (line[low], line[high]) = ('├', '┤');
        line[place(one.score)] = '●';

        let line: String = line.into_iter().collect();
        let name = on_one_line(one.pattern.as_str());
        let pad = " ".repeat(widest - name.chars().count());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name}{pad} {}", line.trim_end());
    }

    let axis: String =
        (0..=WIDTH).map(|at| if at % (WIDTH / 4) == 0 { '┴' } else { '─' }).collect();
    let _ = write!(text, "  {} {axis}\n  {} 0", " ".repeat(widest), " ".repeat(widest));

    for label in [".25", ".5", ".75", "1"] {
        let _ = write!(text, "{label:>width$}", width = WIDTH / 4);
    }

    text
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a line"
)]
fn place(value: f64) -> usize {
    (value.clamp(0.0, 1.0) * WIDTH as f64).round() as usize
}

/// Draws how well the executions of a task type did, in their order: a bar for one, or for the mean
/// of some of them, from `▁` for 0 to `█` for 1. Nothing for fewer than two.
pub(in crate::cli) fn curve(scores: &[f64]) -> Option<String> {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if scores.len() < 2 {
        return None;
    }

    let each = scores.len().div_ceil(WIDTH);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
    let bar = |part: &[f64]| {
        let mean = part.iter().sum::<f64>() / count(part.len());
        BARS[(mean.clamp(0.0, 1.0) * 7.0).round() as usize]
    };

    let bars: String = scores.chunks(each).map(bar).collect();
    let of = if each == 1 { String::new() } else { format!(", {each} to a bar") };
    Some(format!("scores of {} executions, oldest first{of}: {bars}", scores.len()))
}

/// Draws the same as a picture, and below it the learning curve: the mean score of each execution
/// and those before it. `curve` are the scores in the order of the executions.
pub(in crate::cli) fn svg(task: &str, ranked: &[RankedPattern], curve: &[f64]) -> String {
    let rows = count(ranked.len());
    let top = 60.0 + rows * ROW;
    let below = if curve.len() > 1 { CURVE + 60.0 } else { 0.0 };
    let width = LEFT + SPAN + 130.0;
    let height = top + 40.0 + below;

    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"16\">{}: score with its 90 % interval</text>\n",
        escape(task)
    );

    let x = |score: f64| LEFT + score.clamp(0.0, 1.0) * SPAN;
    for step in 0..=4 {
        let at = x(f64::from(step) / 4.0);
        let label = f64::from(step) / 4.0;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "<line x1=\"{at}\" x2=\"{at}\" y1=\"44\" y2=\"{top}\" stroke=\"#ddd\"/>\n\
             <text x=\"{at}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{label}</text>\n",
            top + 18.0
        );
    }

    for (number, one) in ranked.iter().enumerate() {
        let y = 44.0 + ROW * (count(number) + 0.5);
        let color = if one.avoided { "#b55" } else { "#246" };
        let low = x(one.interval.low);
        let high = x(one.interval.high);

        let _ = write!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
             <line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{color}\" \
             stroke-width=\"2\"/>\n\
             <circle cx=\"{:.1}\" cy=\"{y}\" r=\"5\" fill=\"{color}\"/>\n\
             <text x=\"{}\" y=\"{}\" fill=\"#666\">{:.2}, n={}{}</text>\n",
            LEFT - 12.0,
            y + 4.5,
            escape(one.pattern.as_str()),
            x(one.score),
            LEFT + SPAN + 14.0,
            y + 4.5,
            one.score,
            one.cell.n,
            if one.avoided { ", avoided" } else { "" },
        );
    }

    if curve.len() > 1 {
        draw_curve(&mut text, curve, top + 60.0);
    }

    text.push_str("</svg>\n");
    text
}

fn draw_curve(text: &mut String, curve: &[f64], top: f64) {
    let last = count(curve.len() - 1);

    // A mean of the last few executions shows the trend, which single scores hide.
    let points: Vec<String> = (0..curve.len())
        .map(|at| {
            let from = (at + 1).saturating_sub(SMOOTHED);
            let mean = curve[from..=at].iter().sum::<f64>() / count(at + 1 - from);
            format!("{:.1},{:.1}", LEFT + count(at) / last * SPAN, top + CURVE * (1.0 - mean))
        })
        .collect();

    let right = LEFT + SPAN;
    for (score, y) in [(1.0, top), (0.5, top + CURVE / 2.0), (0.0, top + CURVE)] {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#ddd\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#666\">{score}</text>\n",
            LEFT - 12.0,
            y + 4.5
        );
    }

    let _ = write!(
        text,
        "<text x=\"16\" y=\"{}\">score of the chosen pattern over {} executions, mean of {SMOOTHED}\
         </text>\n<polyline fill=\"none\" stroke=\"#246\" stroke-width=\"2\" points=\"{}\"/>\n",
        top - 14.0,
        curve.len(),
        points.join(" ")
    );
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn count(number: usize) -> f64 {
    number as f64
}

fn escape(text: &str) -> String {
    on_one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::evidence::pattern::Pattern;
    use crate::optimizer::evidence::sums::PatternSums;
    use crate::optimizer::stats::Interval;

    fn one(name: &str, score: f64, half: f64) -> RankedPattern {
        let pattern = Pattern::new(name).expect("a name");
        let interval = Interval { low: score - half, high: score + half };
        let best = None;
        let cell = PatternSums::default();
        let shift = None;
        RankedPattern { pattern, score, interval, best, cell, shift, avoided: false }
    }

    #[test]
    fn dots_stand_on_one_scale() {
        let ranked = [one("vote", 0.75, 0.125), one("direct", 0.5, 0.25)];
        let expected = "  vote                                 ├─────●─────┤\n  \
            direct             ├───────────●───────────┤\n  \
            \u{20}      ┴───────────┴───────────┴───────────┴───────────┴\n  \
            \u{20}      0         .25          .5         .75           1";
        assert_eq!(plot(&ranked), expected);
    }

    #[test]
    fn a_learning_curve_rises() {
        assert_eq!(curve(&[1.0]), None);
        assert_eq!(
            curve(&[0.0, 0.5, 1.0]).as_deref(),
            Some("scores of 3 executions, oldest first: ▁▅█")
        );

        let long: Vec<f64> = (0..96).map(|n| f64::from(u8::from(n >= 48))).collect();
        let drawn = curve(&long).expect("a curve");
        assert!(
            drawn.ends_with(&format!("2 to a bar: {}{}", "▁".repeat(24), "█".repeat(24))),
            "{drawn}"
        );
    }

    #[test]
    fn names_do_not_become_markup() {
        let picture = svg("a<b", &[one("x&y", 0.5, 0.1)], &[0.1, 0.5, 0.9]);
        assert!(picture.contains("a&lt;b") && picture.contains("x&amp;y"), "{picture}");
        assert!(picture.contains("<polyline"));
    }
}
