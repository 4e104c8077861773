//! Scripts of chance: everything that can end in more than one order, within everything else.

use kaizen::base::rng::Rng;
use std::fmt::Write as _;

/// How deep work is nested.
const DEPTH_MAX: u32 = 3;

struct Writer<'a> {
    rng: &'a mut Rng,
    /// How many names of variables were given away.
    names: u32,
}

/// Most braces around anything: the language bounds how deep expressions are nested.
const BRACES_MAX: usize = 18;

/// Writes a script.
pub(super) fn draw(rng: &mut Rng) -> String {
    loop {
        let text = draw_any(rng);
        if braces(&text) <= BRACES_MAX {
            return text;
        }
    }
}

/// Returns how deep a script is nested.
fn braces(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for sign in text.chars() {
        match sign {
            '(' | '{' | '[' => now += 1,
            ')' | '}' | ']' => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

fn draw_any(rng: &mut Rng) -> String {
    let mut writer = Writer { rng, names: 0 };
    let mut text = String::from(
        "let seen = [];\n\
         let began = timestamp();\n\
         let ours = branch();\n\
         let o = optimizer();\n\
         o.record_execution(\"t\", \"a\", #{ success_rate: 0.6 });\n\
         o.record_execution(\"t\", \"b\", #{ success_rate: 0.7 });\n",
    );
    for place in 0..2 + writer.below(4) {
        let work = writer.work(0);
        let _ = writeln!(text, "let v{place} = attempt(|| {{ {work} }}).value;");
        let _ = writeln!(text, "seen.push(`top {place}: ${{v{place}}}`);");
    }
    text.push_str("#{ seen: seen, said: ours.messages.len, used: used().calls }\n");
    text
}

impl Writer<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("x{}", self.names)
    }

    /// Writes statements whose last is a value.
    fn work(&mut self, depth: u32) -> String {
        let mut text = String::new();
        for _ in 0..self.below(3) {
            let (step, name) = (self.step(depth), self.name());
            let _ = write!(text, "let {name} = {step}; ");
            if self.below(2) == 0 {
                let _ = write!(text, "seen.push(`{name} ${{{name}}}`); ");
            }
        }
        let step = self.step(depth);
        text + step.as_str()
    }

    /// Writes one expression.
    fn step(&mut self, depth: u32) -> String {
        if depth < DEPTH_MAX && self.below(2) == 0 {
            return self.nested(depth + 1);
        }
        // Few questions, so that many requests are equal.
        let question = self.below(3);
        match self.below(15) {
            0..=3 => format!("branch().chat(\"q{question}\")"),
            4 => format!("ours.communicate(\"q{question}\")"),
            5 => format!("branch().chat(`q{question} ${{random()}}`)"),
            6 => "now() > 0".to_owned(),
            7 => "timestamp().elapsed < 0.0".to_owned(),
            8 => "used().calls".to_owned(),
            9 => "o.recommend(\"t\").pattern".to_owned(),
            10 => {
                let rate = self.below(11);
                format!(
                    "{{ o.record_execution(\"t\", \"b\", #{{ success_rate: {rate}.0 / 10.0 }}); 0 }}"
                )
            }
            11 => format!("{{ sleep({}); seen.len }}", 1 + self.below(5_000_000)),
            12 => {
                // Until a time is over, but not for ever.
                let (count, limit) = (self.name(), self.below(60_000));
                format!(
                    "{{ let {count} = 0; while began.elapsed < {limit}.5 && {count} < 3 {{ \
                     branch().chat(\"q{question}\"); {count} += 1; }} {count} }}"
                )
            }
            13 => "{ o.record_execution(\"t\", \"a\", #{ success_rate: 0.6, \
                    execution_time: began.elapsed }); round(began.elapsed / 5000.0, 0) }"
                .to_owned(),
            _ => "{ print(seen.len); run_id.len }".to_owned(),
        }
    }

    /// Writes something that does several things.
    fn nested(&mut self, depth: u32) -> String {
        match self.below(9) {
            0 => {
                let parts = self.several(depth);
                format!("gather([{parts}], #{{ settle: true }}).map(|r| r.value)")
            }
            1 => {
                let parts = self.several(depth);
                format!("attempt(|| gather([{parts}])).ok")
            }
            2 => {
                let parts = self.several(depth);
                format!("attempt(|| race([{parts}])).value")
            }
            3 => {
                let (item, work, at_once) = (self.name(), self.work(depth), 1 + self.below(4));
                let count = 1 + self.below(4);
                let items = list(count);
                format!(
                    "parallel({items}, |{item}| {{ {work} }}, #{{ settle: true, \
                     max_concurrent: {at_once} }}).map(|r| r.value)"
                )
            }
            4 => {
                let (limit, work) = (1 + self.below(9_000_000), self.work(depth));
                format!("attempt(|| timeout({limit}, || {{ {work} }})).ok")
            }
            5 => {
                let work = self.work(depth);
                format!("attempt(|| retry(3, || {{ {work} }})).value")
            }
            6 => {
                let (task, work, pause) =
                    (self.name(), self.work(depth), 1 + self.below(2_000_000));
                let (counter, then) = (self.name(), self.step(depth));
                format!(
                    "{{ let {task} = task(|| {{ {work} }}); let {counter} = 0; \
                     while !{task}.done && {counter} < 20 {{ sleep({pause}); {counter} += 1; }} \
                     {then}; if {counter} == 20 {{ {task}.cancel(); }} \
                     [{counter}, attempt(|| {task}.wait()).value] }}"
                )
            }
            7 => {
                let (work, kind) = (self.work(depth), self.below(2));
                if kind == 0 {
                    format!("attempt(|| {{ {work}; throw \"no luck\" }}).error.kind")
                } else {
                    format!("attempt(|| {{ {work} }}).value")
                }
            }
            _ => self.flow(depth),
        }
    }

    fn several(&mut self, depth: u32) -> String {
        let parts: Vec<String> =
            (0..2 + self.below(3)).map(|_| format!("|| {{ {} }}", self.work(depth))).collect();
        parts.join(", ")
    }

    /// Writes a graph and its run.
    fn flow(&mut self, depth: u32) -> String {
        let (g, at_once) = (self.name(), 1 + self.below(4));
        let mut text = format!("{{ let {g} = builder(\"g\"); ");
        let count = 2 + self.below(4);
        for op in 0..count {
            let (retries, question) = (self.below(3), self.below(3));
            let after = match op {
                0 => String::new(),
                _ => format!(", depends_on: \"n{}\"", self.below(op)),
            };
            let on_failure = ["skip", "continue", "stop"][usize::try_from(self.below(3)).unwrap()];
            let limit = match self.below(4) {
                0 => format!(", timeout_ms: {}", 1 + self.below(20_000_000)),
                _ => String::new(),
            };
            let what = if self.below(2) == 0 {
                format!("\"chat\", #{{ instruction: \"q{question}\", name: \"n{op}\"")
            } else {
                let (inputs, work) = (self.name(), self.work(depth));
                format!("|{inputs}| {{ {work} }}, #{{ name: \"n{op}\"")
            };
            let _ = write!(
                text,
                "{g}.add_operation({what}, retries: {retries}, on_failure: \"{on_failure}\"\
                 {after}{limit} }}); "
            );
        }
        let report = self.name();
        let _ = write!(
            text,
            "let {report} = session(branch()).flow({g}, #{{ max_concurrent: {at_once}, \
             allow_failures: true }}); [{report}.completed_operations, {report}.failed_operations, \
             {report}.metrics.calls, {report}.metrics.retries, \
             round({report}.metrics.execution_time / 5000.0, 0)] }}"
        );
        text
    }
}

fn list(count: u64) -> String {
    let items: Vec<String> = (0..count).map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}
