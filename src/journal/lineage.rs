//! Which work a run belongs to: a resumed run continues the one that began it, a fork begins work of its own.

use crate::base::id::RunId;
use crate::journal::event::Event;
use std::collections::HashSet;

/// A place up to which a fork is told what had happened in another run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ForkPoint {
    /// The run that began the work which was forked.
    pub run: RunId,
    /// How many of its ends are told.
    pub ends: u64,
}

/// The work that a run belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Lineage {
    /// The run that began the work, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<RunId>,
    /// Where the work was forked from other work, the oldest fork first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forks: Vec<ForkPoint>,
}

impl Lineage {
    /// Returns the lineage of a run that resumes `run`, or goes through it again. `start` finds the first event of a
    /// run.
    pub fn resuming<E>(
        run: &RunId,
        mut start: impl FnMut(&RunId) -> Result<Option<Event>, E>,
    ) -> Result<Lineage, E> {
        let mut began = run.clone();
        let mut seen = HashSet::new();

        while seen.insert(began.clone()) {
            let Some(Event::RunStarted { resumes, terms, .. }) = start(&began)? else { break };
            if terms.fork {
                // Earlier programs did not note where it was forked.
                let unknown =
                    || resumes.map(|run| ForkPoint { run, ends: 0 }).into_iter().collect();
                let noted = terms.lineage.forks;
                let forks = if noted.is_empty() { unknown() } else { noted };
                return Ok(Lineage { began: Some(began), forks });
            }
            if terms.lineage.began.is_some() {
                return Ok(terms.lineage);
            }

            let Some(before) = resumes else { break };
            began = before;
        }

        Ok(Lineage { began: Some(began), forks: Vec::new() })
    }

    /// Returns the lineage of a run that forks work of this one after so many ends.
    #[must_use]
    pub fn forked_after(mut self, ends: u64) -> Lineage {
        self.forks.extend(self.began.map(|run| ForkPoint { run, ends }));
        Lineage { began: None, forks: self.forks }
    }

    /// Tells whether the run began its work by itself.
    pub fn is_none(&self) -> bool {
        *self == Lineage::default()
    }

    /// Returns the run that began the work, whether or not it was forked: its id is what scripts are told.
    pub fn first<'a>(&'a self, own: &'a RunId) -> &'a RunId {
        self.forks.first().map_or_else(|| self.began.as_ref().unwrap_or(own), |fork| &fork.run)
    }

    /// Returns the run in which the work was done that follows the end at a place.
    pub fn at<'a>(&'a self, place: u64, own: &'a RunId) -> &'a RunId {
        let fork = self.forks.iter().find(|fork| place <= fork.ends);
        fork.map_or_else(|| self.began.as_ref().unwrap_or(own), |fork| &fork.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::Terms;
    use serde_json::Map;
    use std::convert::Infallible;

    fn id(name: &str) -> RunId {
        RunId(name.to_owned())
    }

    fn start(resumes: Option<&str>, fork: bool, lineage: Lineage) -> Event {
        Event::RunStarted {
            script: String::new(),
            params: Map::new(),
            seed: 0,
            program: String::new(),
            resumes: resumes.map(id),
            what: None,
            reuse: false,
            terms: Box::new(Terms { fork, lineage, ..Terms::default() }),
        }
    }

    #[test]
    fn work_is_known_by_the_run_that_began_it_and_by_its_forks() {
        let mut runs: Vec<(RunId, Event)> = Vec::new();
        let of = |runs: &[(RunId, Event)], name: &str| {
            let find = |run: &RunId| {
                let found = runs.iter().find(|(known, _)| known == run);
                Ok::<_, Infallible>(found.map(|(_, event)| event.clone()))
            };
            Lineage::resuming(&id(name), find).unwrap_or_default()
        };

        runs.push((id("a"), start(None, false, Lineage::default())));
        let a = of(&runs, "a");
        assert_eq!(a, Lineage { began: Some(id("a")), forks: Vec::new() });

        // The first runs are deleted, and what they began is still known.
        runs.push((id("b"), start(Some("a"), false, a.clone())));
        runs.remove(0);
        assert_eq!(of(&runs, "b"), a);
        let fork = of(&runs, "b").forked_after(3);
        runs.push((id("f"), start(Some("b"), true, fork.clone())));
        runs.push((id("g"), start(Some("f"), false, of(&runs, "f"))));
        let second = of(&runs, "g").forked_after(5);
        assert_eq!(second.first(&id("h")), &id("a"));
        let places = [0, 3, 4, 5, 6].map(|place| second.at(place, &id("h")).0.clone());
        assert_eq!(places, ["a", "a", "f", "f", "h"]);
        assert_eq!(of(&runs, "g").at(6, &id("x")), &id("f"));

        // Earlier programs noted no more than what a run resumes.
        runs.push((id("p"), start(Some("o"), false, Lineage::default())));
        runs.push((id("q"), start(Some("p"), false, Lineage::default())));
        assert_eq!(of(&runs, "q").began, Some(id("o")));
        // A chain that ends in itself has an end.
        runs.push((id("c"), start(Some("c"), false, Lineage::default())));
        assert_eq!(of(&runs, "c").began, Some(id("c")));
    }
}
