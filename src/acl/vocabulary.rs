//! The commands that rules can name, by their numbers in the catalog.

use std::collections::HashMap;

use crate::command::Spec;
use crate::command::spec::{Categories, Flags};

/// All commands and subcommands; see the head of the folder.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// By number.
    words: Vec<Word>,
    by_name: HashMap<&'static str, usize>,
}

#[derive(Debug)]
struct Word {
    name: &'static str,
    categories: Categories,
    subcommands: Vec<usize>,
    is_subcommand: bool,
}

impl Vocabulary {
    /// The vocabulary of these rows; the place of each is its number. Behind them come commands of Redis that this
    /// server lacks, so that rules which name them can be read: all of them are for administrators.
    pub fn new<'s>(specs: impl Iterator<Item = &'s Spec>, lacking: &[&'static str]) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for spec in specs {
            let is_command = !spec.flags.contains(Flags::CROSS_PROTOCOL);
            let categories = if is_command { spec.categories_all() } else { Categories::empty() };
            vocabulary.add(spec.name, categories, is_command);
        }
        for name in lacking {
            vocabulary.add(name, Categories::ADMIN | Categories::DANGEROUS | Categories::SLOW, true);
        }
        for id in 0..vocabulary.words.len() {
            if let Some((container, _)) = vocabulary.words[id].name.split_once('|') {
                let container = vocabulary.by_name[container];
                vocabulary.words[container].subcommands.push(id);
            }
        }
        vocabulary
    }

    fn add(&mut self, name: &'static str, categories: Categories, is_named: bool) {
        let is_subcommand = name.contains('|');
        if is_named {
            self.by_name.insert(name, self.words.len());
        }
        self.words.push(Word { name, categories, subcommands: Vec::new(), is_subcommand });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A command by its full name, in any case.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        self.by_name.get(std::str::from_utf8(&name).ok()?).copied()
    }

    /// The full name of a command.
    pub fn name(&self, id: usize) -> &'static str {
        self.words[id].name
    }

    /// The subcommands of a container.
    pub fn subcommands(&self, id: usize) -> &[usize] {
        &self.words[id].subcommands
    }

    /// Whether it belongs to a container.
    pub fn is_subcommand(&self, id: usize) -> bool {
        self.words[id].is_subcommand
    }

    /// The commands and subcommands of a category.
    pub fn of_category(&self, category: Categories) -> impl Iterator<Item = usize> {
        let belongs = move |(id, word): (usize, &Word)| word.categories.intersects(category).then_some(id);
        self.words.iter().enumerate().filter_map(belongs)
    }

    /// A category by its name, in any case.
    pub fn category(name: &[u8]) -> Option<Categories> {
        let is_it = |(_, known): &&(Categories, &str)| known.as_bytes().eq_ignore_ascii_case(name);
        Categories::NAMES.iter().find(is_it).map(|(category, _)| *category)
    }
}
