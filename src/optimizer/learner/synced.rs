//! The learner on what a store knows: it takes in every counted observation once, in the order in
//! which they were recorded, whichever process recorded them. A snapshot in the store spares the next
//! process all that went before; it is never more than that, and what is wrong with one is no error.

use crate::base::clock::Stamp;
use crate::optimizer::choice::policy::Shift;
use crate::optimizer::evidence::feature::{Cuts, Features};
use crate::optimizer::evidence::knowledge::amendment::Amendment;
use crate::optimizer::evidence::knowledge::{Knowledge, KnowledgeError};
use crate::optimizer::evidence::observation::ObservationSource;
use crate::optimizer::evidence::pattern::{NameError, Pattern, TaskType};
use crate::optimizer::learner::packed::{ByteReader, Packing};
use crate::optimizer::learner::{ExecutionOutcome, Goal, Learner, Objective, PatternChange, Scale};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

/// A snapshot is kept after this many observations at least: taking them in takes 20 ms at most.
const SNAPSHOT_AFTER: f64 = 2000.0;
/// It is also kept only after one observation for each this many cells, so that the bytes that are
/// written for each observation stay the same however much is known.
const CELLS_PER_OBSERVATION: f64 = 16.0;

/// The rules by which observations are made into beliefs. Raise it with every change of these: a snapshot
/// of other rules is not used, and a store that knows only those is folded again, once, with a notice. The
/// test `the_rules_have_a_number` fails where that was forgotten.
pub const RULES: u32 = 3;
/// What is said where a store knows only other rules.
const NEW_RULES: &str = "this store was written by an earlier version: everything was learned \
     again from its observations, once; nothing recorded is lost";

/// What was learned from a store, up to some observation.
#[derive(Debug)]
pub struct SyncedLearner {
    learner: Learner,
    /// The number of the last observation that was looked at, and when it was made.
    seen: (i64, i64),
    /// The last observation in the snapshot that the store is known to have; 0 without any.
    kept: i64,
    /// The last change of each pattern for each task type, with the time in milliseconds since
    /// 1970, and the executions of the task type until then.
    changes: BTreeMap<(usize, usize), (PatternChange, i64, f64)>,
    /// Where what is known of inputs is cut.
    cuts: Cuts,
    /// What there is to say about the store.
    notice: Option<&'static str>,
}

impl SyncedLearner {
    /// Starts with nothing taken in.
    pub fn new(given: Option<Objective>) -> SyncedLearner {
        SyncedLearner::toward(given.map_or(Goal::Usual, Goal::Given))
    }

    fn toward(goal: Goal) -> SyncedLearner {
        let learner = Learner::toward(goal);
        let changes = BTreeMap::new();
        let cuts = Cuts::default();
        SyncedLearner { learner, seen: (0, 0), kept: 0, changes, cuts, notice: None }
    }

    /// Takes in what was recorded since the last time; what the demo model did as well, if `demo`
    /// says so.
    pub fn refresh(&mut self, knowledge: &Knowledge, demo: bool) -> Result<(), KnowledgeError> {
        if self.seen.0 == 0 && knowledge.keeps_snapshots() {
            self.look_at_rules(knowledge)?;
        }

        self.refresh_to(knowledge, demo, i64::MAX)?;
        self.keep(knowledge, demo);
        Ok(())
    }

    /// Looks whether the store has been learned from by these rules only, and says so if not.
    fn look_at_rules(&mut self, knowledge: &Knowledge) -> Result<(), KnowledgeError> {
        if knowledge.end()? == 0 {
            return Ok(());
        }

        let known = knowledge.rules()?;
        if known.is_some_and(|known| known < RULES) {
            self.notice = Some(NEW_RULES);
        }
        if known.is_none_or(|known| known < RULES) {
            knowledge.set_rules(RULES, rules());
        }

        Ok(())
    }

    /// Takes what there is to say about the store, which is said once.
    pub fn take_notice(&mut self) -> Option<&'static str> {
        self.notice.take()
    }

    /// Takes in what was recorded since the last time, up to an observation, which must not be an earlier
    /// one than the last time.
    pub fn refresh_to(
        &mut self,
        knowledge: &Knowledge,
        demo: bool,
        end: i64,
    ) -> Result<(), KnowledgeError> {
        if self.seen.0 == 0 {
            self.restore(knowledge, demo, end);
        }

        self.fold(knowledge, demo, end)
    }

    /// Returns the number of the last observation that was looked at.
    pub fn seen(&self) -> i64 {
        self.seen.0
    }

    /// Takes in what was recorded since the last time, up to an observation.
    fn fold(&mut self, knowledge: &Knowledge, demo: bool, end: i64) -> Result<(), KnowledgeError> {
        let last = knowledge.since(self.seen.0, end, |seen| {
            if seen.source == ObservationSource::Demo && !demo {
                return;
            }
            if let Some((task, features)) = &seen.of {
                self.cuts.add(task, features);
            }

            let task = self.learner.task(seen.task);
            let arm = self.learner.arm(seen.pattern);
            if let Some(Amendment { before, ago, good: _ }) = seen.amends {
                let before = ExecutionOutcome { quality: before, ..seen.outcome };
                self.learner.amend((task, arm), &before, &seen.outcome, ago);
            } else if seen.is_outage {
                self.learner.fail_outside(task, arm);
            } else if let Some(change) = self.learner.record(task, arm, &seen.outcome) {
                let age = self.learner.age(task);
                self.changes.insert((task, arm), (change, seen.at, age));
            }
        })?;

        self.seen = last.unwrap_or(self.seen);
        Ok(())
    }

    /// Starts from a snapshot, if the store has one that fits and knows nothing after `end`.
    fn restore(&mut self, knowledge: &Knowledge, demo: bool, end: i64) {
        let key = key(demo, self.learner.goal());
        let found = knowledge.snapshot(&key, |bytes| LearnerSnapshot::read(bytes)?.unpack());
        if let Some(found) = found.filter(|found| found.seen.0 <= end) {
            let notice = self.notice.take();
            *self = SyncedLearner { kept: found.seen.0, notice, ..found };
        }
    }

    /// Keeps a snapshot, if the last one is old enough.
    fn keep(&mut self, knowledge: &Knowledge, demo: bool) {
        let due = SNAPSHOT_AFTER.max(self.learner.cell_count() / CELLS_PER_OBSERVATION);
        let is_due = |kept| f64::from(i32::try_from(self.seen.0 - kept).unwrap_or(i32::MAX)) >= due;
        if !knowledge.keeps_snapshots() || !is_due(self.kept) {
            return;
        }

        let key = key(demo, self.learner.goal());
        // Another process may have kept one meanwhile.
        self.kept = knowledge.snapshot_end(&key).unwrap_or(0);
        if is_due(self.kept) {
            knowledge.keep_snapshot(key, self.seen, self.to_bytes(demo));
            self.kept = self.seen.0;
        }
    }

    /// Compares every kept snapshot that would be used with the observations, drops those that are
    /// wrong, and names them.
    pub fn check_snapshots(knowledge: &Knowledge) -> Result<Vec<String>, KnowledgeError> {
        let mut faults = Vec::new();
        for key in knowledge.snapshots()? {
            // Those of other rules are not used.
            if !key.starts_with(&rules()) {
                continue;
            }

            if !SyncedLearner::is_right(knowledge, &key)? {
                knowledge.drop_snapshot(&key)?;
                faults.push(format!(
                    "a learner snapshot (`{key}`) did not match the observations and was dropped; \
                     nothing is lost, the next recommendation creates a new one"
                ));
            }
        }
        Ok(faults)
    }

    fn is_right(knowledge: &Knowledge, key: &str) -> Result<bool, KnowledgeError> {
        let found = knowledge.snapshot(key, |bytes| {
            let snapshot = LearnerSnapshot::read(bytes)?;
            Some((snapshot.demo, snapshot.unpack()?, blake3::hash(bytes)))
        });
        let Some((demo, found, bytes)) = found else { return Ok(false) };

        let goal = found.learner.goal();
        let mut fresh = SyncedLearner::toward(goal);
        fresh.fold(knowledge, demo, found.seen.0)?;

        let is_named_right = self::key(demo, goal) == key;
        Ok(is_named_right && blake3::hash(&fresh.to_bytes(demo)) == bytes)
    }

    /// Returns a snapshot: the hash of all that follows, how it was made, and what was learned.
    fn to_bytes(&self, demo: bool) -> Vec<u8> {
        let mut packing = Packing::default();
        packing.count(usize::from(demo));
        packing.whole(self.seen.0);
        packing.whole(self.seen.1);

        packing.count(self.changes.len());
        for ((task, arm), (change, at, age)) in &self.changes {
            packing.count(*task);
            packing.count(*arm);
            packing.pair((change.from, change.to));
            packing.whole(*at);
            packing.number(*age);
        }

        self.cuts.pack(&mut packing);
        self.learner.pack(&mut packing);
        let bytes = packing.into_bytes();
        [&blake3::hash(&bytes).as_bytes()[..], &bytes].concat()
    }

    /// Returns what the user said that counts, if anything.
    pub fn given(&self) -> Option<Objective> {
        match self.learner.goal() {
            Goal::Given(objective) => Some(objective),
            Goal::Usual => None,
        }
    }

    /// Returns what counts for a task type.
    pub fn objective(&self, task: &TaskType) -> Objective {
        self.learner.objective(task.as_str())
    }

    /// Returns the task type of an input of which something is known beforehand.
    pub fn task_type(&self, task: &TaskType, features: &Features) -> Result<TaskType, NameError> {
        self.cuts.task_type(task.as_str(), features)
    }

    /// Returns the scales of times and costs for a task type.
    pub fn scale(&self, task: &TaskType) -> Scale {
        self.learner.scale(task.as_str())
    }

    /// Returns what an execution is worth by what is known now.
    pub fn worth(&self, task: &str, pattern: &str, outcome: &ExecutionOutcome) -> f64 {
        self.learner.worth(task, pattern, outcome)
    }

    /// Returns a learner that knows a task type and patterns, with their numbers. Asking changes
    /// nothing.
    pub fn of(
        &self,
        task: &TaskType,
        patterns: &[Pattern],
    ) -> (Cow<'_, Learner>, usize, Vec<usize>) {
        let arms = patterns.iter().map(|pattern| self.learner.known_arm(pattern.as_str()));
        if let (Some(task), Some(arms)) =
            (self.learner.known_task(task.as_str()), arms.collect::<Option<Vec<_>>>())
        {
            return (Cow::Borrowed(&self.learner), task, arms);
        }

        // Asking changes nothing, so new names get their numbers in an excerpt.
        let mut learner = self.learner.excerpt(task.as_str());
        let task = learner.task(task.as_str());
        let arms = patterns.iter().map(|pattern| learner.arm(pattern.as_str())).collect();
        (Cow::Owned(learner), task, arms)
    }

    /// Returns the patterns that were seen for a task type or for others of its group.
    pub fn near(&self, task: &TaskType) -> BTreeSet<&str> {
        self.learner.near(task.as_str())
    }

    /// Returns the last change of a pattern for a task type.
    pub fn shift(&self, task: &TaskType, pattern: &Pattern) -> Option<Shift> {
        let task = self.learner.known_task(task.as_str())?;
        let arm = self.learner.known_arm(pattern.as_str())?;
        let (change, at, age) = self.changes.get(&(task, arm))?;

        let ago = whole(self.learner.age(task) - age);
        Some(Shift { from: change.from, to: change.to, at: Stamp(*at), ago })
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn whole(count: f64) -> u64 {
    count as u64
}

/// Names the rules, and how this build rounds: the last bit of a power or a logarithm is not the same
/// everywhere.
fn rules() -> String {
    let (base, power) = black_box((0.99_f64, 77));
    let bits = base.powi(power).to_bits() ^ base.ln().to_bits().rotate_left(1);
    format!("rules{RULES}-{bits:016x}-")
}

/// Names a fold: two with the same name make the same of the same observations.
fn key(demo: bool, goal: Goal) -> String {
    // Costs count by what is recorded, so the usual objective has one name.
    let is_given = matches!(goal, Goal::Given(_));
    let Objective { quality, time, cost, time_half, cost_half } = goal.on(false);
    let time_half = time_half.unwrap_or(0.0);
    let cost_half = cost_half.unwrap_or(0.0);

    let bits = [quality, time, cost, time_half, cost_half].map(|n| n.to_bits().to_le_bytes());
    let objective = blake3::hash(bits.as_flattened()).to_hex();
    format!("{}{}{}-{}", rules(), u8::from(is_given), u8::from(demo), &objective[..16])
}

/// A snapshot that is whole, before what was learned is read from it.
struct LearnerSnapshot<'a> {
    demo: bool,
    rest: ByteReader<'a>,
}

impl<'a> LearnerSnapshot<'a> {
    fn read(bytes: &'a [u8]) -> Option<LearnerSnapshot<'a>> {
        let (hash, bytes) = bytes.split_first_chunk()?;
        if blake3::Hash::from_bytes(*hash) != blake3::hash(bytes) {
            return None;
        }

        let mut rest = ByteReader::new(bytes);
        let demo = rest.below(2)? == 1;
        Some(LearnerSnapshot { demo, rest })
    }

    fn unpack(mut self) -> Option<SyncedLearner> {
        let from = &mut self.rest;
        let seen = (from.whole()?, from.whole()?);

        let mut changes = BTreeMap::new();
        for _ in 0..from.count()? {
            let task = from.below(usize::MAX)?;
            let arm = from.below(usize::MAX)?;
            let (before, after) = from.pair()?;
            let change = PatternChange { task, arm, from: before, to: after };
            changes.insert((task, arm), (change, from.whole()?, from.number()?));
        }

        let cuts = Cuts::unpack(from)?;
        let learner = Learner::unpack(from)?;
        let is_whole = from.is_empty();
        let kept = 0;
        let notice = None;
        is_whole.then_some(SyncedLearner { learner, seen, kept, changes, cuts, notice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::optimizer::choice::recommendation::{Manner, advise};
    use crate::optimizer::evidence::feature;
    use crate::optimizer::evidence::observation::Observation;
    use crate::store::durability::Durability;
    use crate::store::each_store::each_store;
    use crate::store::{self, writer::Writer};
    use serde_json::json;
    use std::path::Path;
    use std::rc::Rc;

    /// Makes observations of a few task types; the later ones go differently, some of them cost.
    fn seen(rng: &mut Rng, with_cost: bool) -> Observation {
        let mut pick = |names: &[&'static str]| {
            names[usize::try_from(rng.below(names.len() as u64)).expect("small")]
        };

        let task = pick(&["review", "review/rust", "review/go", "plan", "plan/a/b", "text"]);
        let pattern = pick(&["direct", "vote", "refine"]);

        let success = f64::from(u8::from(rng.unit() < 0.7));
        let time = 20.0 * rng.unit();
        let cost = with_cost.then(|| 0.02 * rng.unit());
        let metrics = json!({ "success_rate": success, "execution_time": time, "cost": cost });
        let metrics = metrics.as_object().expect("an object");

        let task = TaskType::new(task).expect("a name");
        Observation::read(task, Pattern::new(pattern).expect("a name"), metrics).expect("figures")
    }

    fn record(path: &Path, rng: &mut Rng, count: usize, with_cost: bool) {
        let all = (0..count).map(|_| seen(rng, with_cost)).collect();
        let knowledge = Knowledge::read(store::open(path).expect("a store"));
        futures::executor::block_on(knowledge.record(all, |_| true)).expect("recorded");
    }

    /// A store with observations, and what was learned from it by a process that kept a snapshot.
    fn learned(
        count: usize,
        with_cost: bool,
    ) -> (tempfile::TempDir, std::path::PathBuf, SyncedLearner) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kaizen.db");
        record(&path, &mut Rng::seeded(1), count, with_cost);

        let experience = refreshed(&path);
        (folder, path, experience)
    }

    fn open(path: &Path) -> Knowledge {
        Knowledge::read(store::open(path).expect("a store"))
    }

    fn refreshed(path: &Path) -> SyncedLearner {
        let mut experience = SyncedLearner::new(None);
        experience.refresh(&open(path), false).expect("read");
        experience
    }

    /// What a process learns that finds no snapshot and keeps none.
    fn folded(path: &Path) -> SyncedLearner {
        let mut experience = SyncedLearner::new(None);
        experience.fold(&open(path), false, i64::MAX).expect("read");
        experience
    }

    fn sql(path: &Path, sql: &str) -> usize {
        rusqlite::Connection::open(path).expect("a store").execute(sql, []).expect("a change")
    }

    fn advice(experience: &SyncedLearner) -> Vec<String> {
        let mut rng = Rng::seeded(7);
        let manner = Manner::default();
        let tasks = ["review", "review/rust", "review/new", "plan/a", "new/x", "text"];
        tasks
            .iter()
            .map(|task| {
                let task = TaskType::new(task).expect("a name");
                let patterns = ["direct", "vote", "new"].map(|p| Pattern::new(p).expect("a name"));
                let found = advise(experience, (&task, &patterns), &[], &manner, None, &mut rng);
                format!("{found:?}")
            })
            .collect()
    }

    const MANY: usize = 2_100;

    #[test]
    fn a_snapshot_changes_nothing_also_with_what_came_after() {
        for with_cost in [false, true] {
            let (_folder, path, mut first) = learned(MANY, with_cost);
            assert_eq!(open(&path).snapshots().expect("names").len(), 1);
            record(&path, &mut Rng::seeded(2), 50, with_cost);
            let second = refreshed(&path);
            assert_eq!(second.kept, i64::try_from(MANY).expect("small"), "it was used");
            first.refresh(&open(&path), false).expect("read");
            let fresh = folded(&path);
            assert!(fresh.to_bytes(false) == second.to_bytes(false));
            assert!(fresh.to_bytes(false) == first.to_bytes(false));
            assert_eq!(advice(&fresh), advice(&second));
            assert_eq!(SyncedLearner::check_snapshots(&open(&path)).expect("read"), [""; 0]);
        }
    }

    /// What all rules so far have made of the same observations.
    const RULES_SO_FAR: &[(u32, &str)] = &[(2, "0476ec7ee27d061c"), (3, "de25b0d8515f5c9c")];

    #[test]
    fn the_rules_have_a_number() {
        let knowledge = Knowledge::in_memory().expect("a store");
        let mut rng = Rng::seeded(5);
        let all = (0..1500).map(|n| {
            let mut one = seen(&mut rng, n % 3 == 0);
            if n % 4 == 0 {
                one.score = Some(rng.unit());
            }
            if n > 900 && one.pattern.as_str() == "vote" && one.task.as_str() == "plan" {
                one.success_rate = 0.0;
            }
            if n % 50 == 0 {
                (one.success_rate, one.error) = (0.0, Some(("server".into(), "is down".into())));
            }
            if n % 5 == 0 {
                let of = json!({ "length": rng.below(100), "lang": "en" });
                let features = Features::read(&of).expect("features");
                feature::keep(&mut one.extra, "text", &features);
            }
            one
        });

        futures::executor::block_on(knowledge.record(all.collect(), |_| true)).expect("recorded");
        let mut experience = SyncedLearner::new(None);
        experience.refresh(&knowledge, false).expect("read");

        // Rounded, since not every machine has the same last bit.
        let rounded = |number: f64| format!("{number:.7}");
        let mut told = Vec::new();
        for task in ["review", "review/rust", "review/go", "plan", "plan/a/b", "text", "plan/new"] {
            let task = TaskType::new(task).expect("a name");
            let patterns = ["direct", "vote", "refine"].map(|p| Pattern::new(p).expect("a name"));

            let (learner, number, arms) = experience.of(&task, &patterns);
            for arm in
                learner.look(number, &arms, &crate::optimizer::learner::Constraints::default())
            {
                told.extend(
                    [arm.mean, arm.sd, arm.unsure, arm.n, arm.successes, arm.outage].map(rounded),
                );
            }

            let scale = experience.scale(&task);
            told.extend([scale.time_half, scale.cost_half].map(rounded));
            let of = Features::read(&json!({ "length": 42 })).expect("features");
            told.push(experience.task_type(&task, &of).expect("a task type").to_string());
            for pattern in &patterns {
                let shift = experience.shift(&task, pattern);
                told.extend(shift.map(|shift| shift.sentence()));
            }
        }

        let digest = blake3::hash(told.join(" ").as_bytes()).to_hex()[..16].to_owned();
        let last = RULES_SO_FAR.last().expect("some rules");
        let numbers: BTreeSet<u32> = RULES_SO_FAR.iter().map(|rules| rules.0).collect();
        assert_eq!(numbers.len(), RULES_SO_FAR.len(), "each rules have a number of their own");
        assert_eq!(
            (last.0, last.1),
            (RULES, digest.as_str()),
            "what is made of observations has changed: raise `RULES`, and add it here with its digest"
        );
    }

    #[test]
    fn being_asked_changes_nothing() {
        let (_folder, _path, experience) = learned(300, false);
        let before = experience.to_bytes(false);

        let once = advice(&experience);
        assert_eq!(advice(&experience), once);
        assert!(experience.to_bytes(false) == before);
    }

    #[test]
    fn the_first_cost_counts_the_same_whatever_was_kept() {
        let (_folder, path, mut running) = learned(MANY, false);
        record(&path, &mut Rng::seeded(2), 50, true);
        running.refresh(&open(&path), false).expect("read");

        let opened = refreshed(&path);
        let review = TaskType::new("review").expect("a name");
        assert_eq!(opened.objective(&review), Objective::WITH_COST);
        assert_eq!(opened.kept, i64::try_from(MANY).expect("small"), "it was used");

        assert!(running.to_bytes(false) == folded(&path).to_bytes(false));
        assert!(opened.to_bytes(false) == folded(&path).to_bytes(false));
    }

    #[test]
    fn a_snapshot_of_another_fold_is_not_used() {
        let (_folder, path, _) = learned(MANY, false);
        let knowledge = open(&path);

        let uses = |given: Option<Objective>, demo: bool| {
            let mut experience = SyncedLearner::new(given);
            experience.restore(&knowledge, demo, i64::MAX);
            experience.kept > 0
        };

        assert!(uses(None, false));
        let other = Objective { quality: 1.0, time: 0.0, ..Objective::WITHOUT_COST };
        assert!(!uses(None, true) && !uses(Some(other), false));
        assert!(
            !uses(Some(Objective::WITHOUT_COST), false),
            "given, it stays when costs are known"
        );

        sql(&path, "UPDATE snapshots SET fold = '0' || fold");
        assert!(!uses(None, false), "of other rules");
        assert_eq!(SyncedLearner::check_snapshots(&knowledge).expect("read"), [""; 0]);
    }

    #[test]
    fn a_damaged_snapshot_is_made_anew() {
        let (folder, path, _) = learned(MANY, false);
        for damage in [
            "UPDATE snapshots SET body = substr(body, 1, 1000)",
            "UPDATE snapshots SET body = CAST(substr(body, 1, 999) || 'x' || substr(body, 1001) AS BLOB)",
            "UPDATE snapshots SET body = zeroblob(40)",
            "UPDATE snapshots SET body = x''",
            "UPDATE snapshots SET body = 7",
            "UPDATE snapshots SET seq = seq + 1",
            "DELETE FROM observations WHERE seq = (SELECT max(seq) FROM observations)",
        ] {
            let damaged = folder.path().join("damaged.db");
            std::fs::copy(&path, &damaged).expect("copied");
            sql(&damaged, damage);

            let found = refreshed(&damaged);
            assert!(found.to_bytes(false) == folded(&damaged).to_bytes(false), "{damage}");
        }
    }

    #[test]
    fn processes_that_learn_at_once_believe_the_same() {
        for store in each_store("learning at once") {
            learn_at_once(store.path());
        }
    }

    fn learn_at_once(path: &Path) {
        record(path, &mut Rng::seeded(1), 0, false);
        let each = |seed: u64| {
            let path = path.to_owned();
            std::thread::spawn(move || {
                let mut rng = Rng::seeded(seed);
                let writer =
                    Writer::start(store::open(&path).expect("a store"), &path, Durability::Process)
                        .expect("a writer");
                let knowledge = Knowledge::open(&path, Rc::new(writer)).expect("a store");
                let mut experience = SyncedLearner::new(None);
                for _ in 0..30 {
                    let all = (0..100).map(|_| seen(&mut rng, false)).collect();
                    futures::executor::block_on(knowledge.record(all, |_| true)).expect("recorded");
                    experience.refresh(&knowledge, false).expect("read");
                }
            })
        };

        for thread in [each(1), each(2)] {
            thread.join().expect("no panic");
        }

        let opened = refreshed(path);
        assert!(opened.kept >= 2000, "one of them kept a snapshot");
        assert!(opened.to_bytes(false) == folded(path).to_bytes(false));
        assert_eq!(SyncedLearner::check_snapshots(&open(path)).expect("read"), [""; 0]);
    }

    #[test]
    fn an_older_snapshot_never_replaces_a_newer_one() {
        let (_folder, path, _) = learned(MANY, false);
        let knowledge = open(&path);
        let key = key(false, Goal::Usual);
        let end = || open(&path).snapshot_end(&key).expect("one");

        let newest = end();
        knowledge.keep_snapshot(key.clone(), (newest - 1, 0), vec![1]);
        assert_eq!(end(), newest);
        knowledge.keep_snapshot(key.clone(), (newest + 1, 0), vec![1]);
        assert_eq!(end(), newest + 1);

        for other in 0..10 {
            knowledge.keep_snapshot(format!("other {other}"), (1, 0), vec![1]);
        }
        assert_eq!(knowledge.snapshots().expect("names").len(), 4);
    }

    #[test]
    fn a_snapshot_that_differs_from_the_observations_is_found_and_dropped() {
        let (_folder, path, _) = learned(MANY, false);
        sql(&path, "UPDATE observations SET success_rate = 1 - success_rate WHERE seq = 5");

        let faults = SyncedLearner::check_snapshots(&open(&path)).expect("read");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(SyncedLearner::check_snapshots(&open(&path)).expect("read"), [""; 0]);
    }
}
