//! Whether a run ended as its row in the list of runs says.

use crate::journal::damage::Damage;
use crate::journal::event::{Event, RunStatus};
use crate::journal::history::RunRow;

/// Compares the end of a run with its row in the list of runs, while its events pass by.
#[derive(Debug, Default)]
pub struct EndCheck {
    is_there: bool,
    ended: Option<RunStatus>,
    /// Whether what came last cannot be read: the event that ends a run is the last one.
    is_unread: bool,
}

impl EndCheck {
    /// Takes in the next event.
    pub fn see_event(&mut self, event: &Event) {
        self.is_there = true;
        self.is_unread = false;
        if let Event::RunEnded { status, .. } = event {
            self.ended = Some(*status);
        }
    }

    /// Takes in what is wrong between two events.
    pub fn see_damage(&mut self, damage: &Damage) {
        self.is_there = true;
        self.is_unread |= matches!(damage, Damage::Unreadable { .. } | Damage::BrokenOff { .. });
    }

    /// Says what is wrong, once everything has passed by.
    pub fn compare(&self, row: &RunRow) -> Option<Damage> {
        let run = row.id.clone();
        if !self.is_there {
            return Some(Damage::NoEvents { run });
        }

        match (self.ended, &row.status) {
            (None, _) if self.is_unread => None,
            (None, Some(status)) => Some(Damage::NoEnd { run, status: *status }),
            (Some(ended), status) if *status != Some(ended) => {
                let status = status.map_or("nothing".to_owned(), |status| format!("`{status}`"));
                Some(Damage::OtherEnd { run, ended, status })
            }
            _ => None,
        }
    }
}
