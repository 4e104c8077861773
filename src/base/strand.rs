//! Where something stands in a run. A run is a tree of strands: the script, its tasks, operations
//! and tries. The address of a strand follows from the program alone, so a later run of the same
//! program gives the same work the same address, in whatever order the work ends.

use crate::base::rng::Rng;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// Longest address that is written out; a longer one, of a deep recursion, is replaced by its hash.
const LENGTH_MAX: usize = 120;

/// The address of a strand. The script's is empty; each step down adds `/GROUP.ITEM`: which group of
/// children its parent began, and which child of the group this is, both from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Rc<str>);

impl Address {
    fn child(&self, group: u32, item: usize) -> Address {
        let whole = format!("{}/{group}.{item}", self.0);
        if whole.len() <= LENGTH_MAX {
            return Address(whole.into());
        }

        let hash = blake3::hash(whole.as_bytes()).to_hex();
        Address(format!("~{}", &hash[..32]).into())
    }

    /// Returns how many steps it is below another one, if it is. Of long addresses, that cannot always be told.
    pub fn steps_below(&self, above: &Address) -> Option<usize> {
        let steps = self.0.strip_prefix(&*above.0)?;
        steps.starts_with('/').then(|| steps.matches('/').count())
    }

    /// Returns the addresses above it, the nearest first. Of a long address, not all are known.
    pub fn above(&self) -> impl Iterator<Item = Address> {
        self.0.rmatch_indices('/').map(|(end, _)| Address(self.0[..end].into()))
    }

    /// Returns the child of another address that it is, or is below.
    pub fn child_of(&self, above: &Address) -> Option<Address> {
        let rest = self.0.strip_prefix(&*above.0)?.strip_prefix('/')?;
        let end = self.0.len() - rest.len() + rest.find('/').unwrap_or(rest.len());
        Some(Address(self.0[..end].into()))
    }

    /// Returns the address right above it, and which child of which group of that it is. Of a long address, neither
    /// is known.
    pub fn step(&self) -> Option<(Address, u32, usize)> {
        let (above, step) = self.0.rsplit_once('/')?;
        let (group, item) = step.split_once('.')?;
        Some((Address(above.into()), group.parse().ok()?, item.parse().ok()?))
    }

    /// Tells whether the work at two addresses is done one after the other, and not side by side, as far as that can
    /// be told.
    pub fn is_in_line_with(&self, other: &Address) -> bool {
        let mut own = self.0.split('/');
        let mut others = other.0.split('/');
        loop {
            let (Some(one), Some(another)) = (own.next(), others.next()) else { return true };
            if one != another {
                let groups = one.split_once('.').zip(another.split_once('.'));
                return groups.is_some_and(|((one, _), (another, _))| one != another);
            }
        }
    }

    /// Tells whether two addresses are the same place in two rounds of a loop, or the same one.
    pub fn is_in_a_round_with(&self, other: &Address) -> bool {
        let own: Vec<&str> = self.0.split('/').collect();
        let others: Vec<&str> = other.0.split('/').collect();
        if own.len() != others.len() {
            return false;
        }

        let mut differing = own.into_iter().zip(others).filter(|(one, another)| one != another);
        let Some((one, another)) = differing.next() else { return true };
        let items = one.split_once('.').zip(another.split_once('.'));
        let is_same_item = items.is_some_and(|((_, one), (_, another))| one == another);
        is_same_item && differing.next().is_none()
    }

    /// Returns the groups and items on the way to it, so that the tenth child comes after the second.
    pub fn steps(&self) -> Vec<u32> {
        let parts = self.0.split(['/', '.', '~']);
        parts.filter_map(|part| part.parse().ok()).collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of several things of a kind that a strand did: the strand, and which of them it was, from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// The strand.
    pub address: Address,
    /// How many of the kind the strand had done before.
    pub nth: u32,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.address, self.nth)
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Ok(Address((&*text).into()))
    }
}

impl serde::Serialize for Spot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Spot {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Spot, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let parts = text.rsplit_once('#');

        let spot = parts.and_then(|(address, nth)| {
            Some(Spot { address: Address(address.into()), nth: nth.parse().ok()? })
        });

        spot.ok_or_else(|| serde::de::Error::custom("a spot is `ADDRESS#NUMBER`"))
    }
}

/// One line of work in a run: what it did so far is counted here, apart from what runs beside it.
#[derive(Debug)]
pub struct Strand {
    /// Written out when somebody asks: of most strands of a large graph nobody does.
    address: OnceCell<Address>,
    /// The nearest address above it that is written out, and the steps down from there.
    base: Address,
    steps: [Option<(u32, usize)>; 2],
    /// How many groups of children it has begun.
    groups: Cell<u32>,
    /// How often it did each kind of thing, by the hash of what names the kind.
    counts: Rare<HashMap<u64, u32>>,
    /// How many numbers of chance it has drawn, by stream.
    drawn: Rare<HashMap<u64, Rng>>,
}

/// What few strands have, of which there may be a million.
type Rare<T> = OnceCell<Box<RefCell<T>>>;

impl Default for Strand {
    fn default() -> Strand {
        Strand {
            address: OnceCell::new(),
            base: Address("".into()),
            steps: [None; 2],
            groups: Cell::new(0),
            counts: Rare::default(),
            drawn: Rare::default(),
        }
    }
}

impl Strand {
    /// Begins the strand of the script itself.
    pub fn root() -> Rc<Strand> {
        Rc::default()
    }

    /// Returns its address.
    pub fn address(&self) -> &Address {
        self.address.get_or_init(|| {
            let steps = self.steps.iter().flatten();
            steps.fold(self.base.clone(), |above, (group, item)| above.child(*group, *item))
        })
    }

    /// Numbers the next group of children.
    pub fn group(&self) -> u32 {
        self.groups.replace(self.groups.get() + 1)
    }

    /// Begins a child: the `item`th of a group.
    pub fn child(&self, group: u32, item: usize) -> Rc<Strand> {
        let step = Some((group, item));
        let (base, steps) = match (self.address.get(), self.steps) {
            (Some(own), _) => (own, [step, None]),
            (None, [None, _]) => (&self.base, [step, None]),
            (None, [first, None]) => (&self.base, [first, step]),
            (None, _) => (self.address(), [step, None]),
        };
        Rc::new(Strand {
            address: OnceCell::new(),
            base: base.clone(),
            steps,
            groups: Cell::new(0),
            counts: Rare::default(),
            drawn: Rare::default(),
        })
    }

    /// Begins the only child of the next group.
    pub fn next(&self) -> Rc<Strand> {
        self.child(self.group(), 0)
    }

    /// Counts one more thing of a kind, and returns which one it is.
    pub fn count(&self, kind: &impl Hash) -> Spot {
        let mut hasher = DefaultHasher::new();
        kind.hash(&mut hasher);

        let mut counts = self.counts.get_or_init(Box::default).borrow_mut();
        let count = counts.entry(hasher.finish()).or_default();
        *count += 1;

        Spot { address: self.address().clone(), nth: *count - 1 }
    }

    /// Draws from a stream of chance that follows from the stream's seed and this strand's address.
    /// The script's own stream is that of the seed alone.
    pub fn draw<T>(&self, seed: u64, from: impl FnOnce(&mut Rng) -> T) -> T {
        let mut drawn = self.drawn.get_or_init(Box::default).borrow_mut();
        let rng = drawn.entry(seed).or_insert_with(|| Rng::seeded(seed ^ self.salt()));
        from(rng)
    }

    /// Returns a number that follows from the address: 0 for the script itself.
    fn salt(&self) -> u64 {
        if self.address().0.is_empty() { 0 } else { salt(&self.address().0) }
    }
}

impl Spot {
    /// Returns chance that follows from a seed, this spot, and the number of a try.
    pub fn chance(&self, seed: u64, attempt: u32) -> Rng {
        Rng::seeded(seed ^ salt(&format!("{self}/{attempt}")))
    }
}

/// Returns a number that follows from a text, on every machine and in every version.
fn salt(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);

    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_knows_what_is_above_it() {
        let flow = Address("/0.1".into());
        let call = Address("/0.1/12.3/0.0".into());
        let above: Vec<String> = call.above().map(|above| above.to_string()).collect();
        assert_eq!(above, ["/0.1/12.3", "/0.1", ""]);
        assert_eq!(call.child_of(&flow), Some(Address("/0.1/12.3".into())));
        assert_eq!(call.child_of(&Address("".into())), Some(flow.clone()));
        assert_eq!(Address("/0.12/1.1".into()).child_of(&flow), None);
        assert_eq!(flow.child_of(&flow), None);
    }

    #[test]
    fn what_is_in_one_group_is_done_side_by_side() {
        let address = |text: &str| Address(text.into());
        let call = address("/2.1/0.1");
        assert_eq!(call.step(), Some((address("/2.1"), 0, 1)));
        assert_eq!((address("").step(), address("~5f").step()), (None, None));

        let others =
            ["/2.1/0.1", "/2.1/0.0", "/2.1/1.0", "/2.0/0.1", "/3.1/0.1", "", "/2.1", "~5f/1.0"];
        let in_line = others.map(|other| call.is_in_line_with(&address(other)));
        assert_eq!(in_line, [true, false, true, false, true, true, true, false]);
        let in_a_round = others.map(|other| call.is_in_a_round_with(&address(other)));
        assert_eq!(in_a_round, [true, false, false, false, true, false, false, false]);
        let rounds = ["/2.1/0.1", "/2.1/1.1", "/3.1/1.1", "/2.1"]
            .map(|other| call.is_in_a_round_with(&address(other)));
        assert_eq!(rounds, [true, true, false, false]);
    }

    #[test]
    fn an_address_follows_from_the_program_and_not_from_the_order_of_ends() {
        let one = Strand::root();
        let other = Strand::root();
        let group = one.group();
        let late = one.child(group, 1).next();
        let early = one.child(group, 0);

        let again = other.group();
        assert_eq!(*other.child(again, 0).address(), *early.address());
        assert_eq!(*other.child(again, 1).next().address(), *late.address());
        assert_eq!(late.address().to_string(), "/0.1/0.0");
    }

    #[test]
    fn each_kind_is_counted_by_itself() {
        let strand = Strand::root();
        let spots = ["a", "b", "a"].map(|kind| strand.count(&kind).to_string());
        assert_eq!(spots, ["#0", "#0", "#1"]);
    }

    #[test]
    fn an_address_stays_short_however_deep_it_is() {
        let mut strand = Strand::root();
        for _ in 0..1000 {
            strand = strand.next();
        }
        assert!(strand.address().to_string().len() <= LENGTH_MAX);
        assert_ne!(*strand.address(), *strand.next().address());
    }

    #[test]
    fn steps_are_in_the_order_of_the_program() {
        let root = Strand::root();
        let steps = [root.child(0, 10), root.child(0, 2), root.next(), root.child(0, 2).next()]
            .map(|strand| strand.address().steps());
        assert_eq!(steps, [vec![0, 10], vec![0, 2], vec![0, 0], vec![0, 2, 0, 0]]);
        assert_eq!(root.address().steps(), Vec::<u32>::new());
    }

    #[test]
    fn a_spot_survives_the_journal() {
        let spot = Strand::root().child(3, 1).count(&"x");
        let text = serde_json::to_string(&spot).expect("text");
        assert_eq!(text, "\"/3.1#0\"");
        assert_eq!(serde_json::from_str::<Spot>(&text).expect("a spot"), spot);
        assert!(serde_json::from_str::<Spot>("\"/3.1\"").is_err());
    }

    #[test]
    fn chance_differs_between_strands_and_not_between_runs() {
        let draw = |strand: &Strand| strand.draw(7, Rng::next_u64);
        let root = Strand::root();
        let numbers = [draw(&root), draw(&root), draw(&root.child(0, 0)), draw(&root.child(0, 1))];
        let again = Strand::root();
        assert_eq!(numbers[..2], [draw(&again), draw(&again)]);
        assert_eq!(numbers[0], Rng::seeded(7).next_u64());
        assert_eq!(numbers.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }
}
