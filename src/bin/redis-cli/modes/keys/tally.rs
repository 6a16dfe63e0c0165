//! What is counted for each type of value.

/// How a type's values are measured by their elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The command that counts.
    pub command: &'static str,
    pub name: &'static str,
}

/// The counts of one type.
#[derive(Clone, Debug)]
pub struct Tally {
    pub name: String,
    /// `None` for types of modules.
    pub unit: Option<Unit>,
    pub keys: u64,
    pub total: u64,
    pub biggest: u64,
    /// The key with the biggest value, if any was bigger than 0.
    pub biggest_key: Option<Vec<u8>>,
}

impl Tally {
    fn new(name: &str, unit: Option<Unit>) -> Tally {
        Tally { name: name.to_owned(), unit, keys: 0, total: 0, biggest: 0, biggest_key: None }
    }

    /// Counts a key. Tells whether it is the biggest so far.
    pub fn add(&mut self, key: &[u8], size: u64) -> bool {
        self.keys += 1;
        self.total = self.total.saturating_add(size);
        let is_bigger = size > self.biggest;
        if is_bigger {
            self.biggest = size;
            self.biggest_key = Some(key.to_vec());
        }
        is_bigger
    }

    /// What its elements are called.
    pub fn unit_name(&self) -> &'static str {
        self.unit.map_or("?", |unit| unit.name)
    }

    /// Total over keys; 0 without keys.
    pub fn average(&self) -> f64 {
        if self.keys == 0 { 0.0 } else { self.total as f64 / self.keys as f64 }
    }
}

/// The types, in the order in which Redis's redis-cli shows them; those of modules follow as they are met.
const TYPES: [(&str, Unit); 6] = [
    ("list", Unit { command: "LLEN", name: "items" }),
    ("hash", Unit { command: "HLEN", name: "fields" }),
    ("stream", Unit { command: "XLEN", name: "entries" }),
    ("string", Unit { command: "STRLEN", name: "bytes" }),
    ("set", Unit { command: "SCARD", name: "members" }),
    ("zset", Unit { command: "ZCARD", name: "members" }),
];

/// The counts of all types.
pub struct Tallies(Vec<Tally>);

impl Tallies {
    pub fn new() -> Tallies {
        Tallies(TYPES.iter().map(|(name, unit)| Tally::new(name, Some(*unit))).collect())
    }

    /// The place of a type, which is made for one not met before. `None` for `none`: the key is gone.
    pub fn place(&mut self, name: &str) -> Option<usize> {
        if name == "none" {
            return None;
        }
        let known = self.0.iter().position(|tally| tally.name == name);
        known.or_else(|| {
            self.0.push(Tally::new(name, None));
            Some(self.0.len() - 1)
        })
    }

    pub fn at(&self, place: usize) -> &Tally {
        &self.0[place]
    }

    pub fn at_mut(&mut self, place: usize) -> &mut Tally {
        &mut self.0[place]
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Tally> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_biggest_keys_is_kept() {
        let mut tallies = Tallies::new();
        let set = tallies.place("set").expect("a type");
        let added: Vec<bool> = [(&b"a"[..], 0), (b"b", 5), (b"c", 5), (b"d", 4)]
            .into_iter()
            .map(|(key, size)| tallies.at_mut(set).add(key, size))
            .collect();
        assert_eq!(added, [false, true, false, false]);
        let set = tallies.at(set);
        assert_eq!((set.keys, set.total, set.biggest_key.as_deref()), (4, 14, Some(&b"b"[..])));
        assert_eq!(set.average(), 3.5);
    }

    #[test]
    fn types_of_modules_are_met_later() {
        let mut tallies = Tallies::new();
        assert_eq!(tallies.place("none"), None);
        let own = tallies.place("MBbloom--");
        assert_eq!((own, tallies.place("MBbloom--")), (Some(6), Some(6)));
        assert_eq!(tallies.at(6).unit_name(), "?");
    }
}
