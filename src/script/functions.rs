//! Libraries of functions: loading, finding, dumping and restoring them.
//!
//! They have an interpreter of their own. Loading a library runs its code once, with nothing but `redis` to see, and
//! keeps what it registers; nothing of a library that fails stays.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::library::{self, Metadata};
use super::vm::{Code, Kind, Registered};
use super::{Refused, Running, ScriptFlags, Vm};
use crate::base::reaper;

/// The interpreter of functions and their libraries.
#[derive(Default)]
pub struct Functions {
    state: Mutex<Libraries>,
    figures: Mutex<FunctionFigures>,
}

/// Figures about functions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct FunctionFigures {
    /// Libraries.
    pub libraries: usize,
    /// Functions of all of them.
    pub functions: usize,
    /// Bytes of the libraries' codes.
    pub texts: usize,
    /// Bytes of the interpreter.
    pub vm: usize,
}

/// What belongs to whoever works with functions.
#[derive(Default)]
pub struct Libraries {
    vm: Option<Vm>,
    shelf: Shelf,
}

/// A library.
pub struct Library {
    /// Its name.
    pub name: Box<[u8]>,
    /// Its code with the first line.
    pub code: Box<[u8]>,
    /// What it has registered, in that order.
    pub functions: Vec<Registered>,
}

/// What FUNCTION RESTORE does about libraries that are there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestorePolicy {
    /// They go.
    Flush,
    /// They stay; one of the same name is an error.
    Append,
    /// They stay unless one of the same name comes.
    Replace,
}

/// A function that can be called.
#[derive(Clone, Copy)]
pub struct Callable {
    /// Its code.
    pub code: Code,
    /// What it was registered with.
    pub flags: ScriptFlags,
}

#[derive(Default)]
struct Shelf {
    libraries: BTreeMap<Box<[u8]>, Library>,
    /// The library of a function, and its place there, by its name in lower case.
    functions: HashMap<Vec<u8>, (Box<[u8]>, usize), ahash::RandomState>,
}

impl Functions {
    /// The libraries, which nobody else uses meanwhile. They are held for long only behind the closed gate.
    pub fn lock(&self) -> MutexGuard<'_, Libraries> {
        self.state.lock()
    }

    /// Figures of this moment, or of the last one at which nobody ran a function: it isn't waited for.
    pub fn figures(&self) -> FunctionFigures {
        let mut last = self.figures.lock();
        if let Some(mut state) = self.state.try_lock() {
            *last = state.figures();
        }
        *last
    }
}

impl Libraries {
    /// Loads a library and returns its name.
    ///
    /// # Errors
    /// What is wrong with it, or with its coming beside the others; then they are as before.
    pub fn load(&mut self, running: &Arc<Running>, code: &[u8], replace: bool) -> Result<Box<[u8]>, Refused> {
        let library = self.make(running, code, |name, libraries| {
            !replace && libraries.shelf.libraries.contains_key(name)
        })?;
        let name = library.name.clone();
        let old = self.shelf.remove(&name);
        if let Some(taken) = self.shelf.taken(&library) {
            let refused = refused(&[b"Function ", taken, b" already exists"]);
            self.forget(&library);
            self.shelf.extend(old);
            return Err(refused);
        }
        old.into_iter().for_each(|old| self.forget(&old));
        self.shelf.insert(library);
        Ok(name)
    }

    /// Runs a library's code, without giving it a place yet.
    fn make(
        &mut self,
        running: &Arc<Running>,
        code: &[u8],
        is_taken: impl FnOnce(&[u8], &Self) -> bool,
    ) -> Result<Library, Refused> {
        let Metadata { name, body } = library::split(code).map_err(|text| refused(&[&text]))?;
        if is_taken(name, self) {
            return Err(refused(&[b"Library '", name, b"' already exists"]));
        }
        let functions = self.vm(running)?.load(body).map_err(|text| refused(&[&text]))?;
        if functions.is_empty() {
            return Err(refused(&[b"No functions registered"]));
        }
        Ok(Library { name: name.into(), code: code.into(), functions })
    }

    /// Deletes a library; tells whether it was there.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let library = self.shelf.remove(name);
        let found = library.is_some();
        library.into_iter().for_each(|library| self.forget(&library));
        found
    }

    /// Deletes all libraries, and the interpreter, on the background thread or here.
    pub fn flush(&mut self, in_background: bool) {
        let old = std::mem::take(self);
        if in_background {
            // The interpreter counts as one more.
            reaper::bury(old.shelf.functions.len() + 1, 0, old);
        }
    }

    /// The libraries by name.
    pub fn libraries(&self) -> impl ExactSizeIterator<Item = &Library> {
        self.shelf.libraries.values()
    }

    /// The code of each library, as files keep it.
    pub fn codes(&self) -> Vec<Vec<u8>> {
        self.libraries().map(|library| library.code.to_vec()).collect()
    }

    /// A function by its name, in which case doesn't matter.
    pub fn find(&self, name: &[u8]) -> Option<Callable> {
        let (library, at) = self.shelf.functions.get(&name.to_ascii_lowercase())?;
        let function = self.shelf.libraries.get(library)?.functions.get(*at)?;
        Some(Callable { code: function.code, flags: function.flags })
    }

    /// All libraries in the format of RDB files, with version and checksum at the end.
    pub fn dump(&self) -> Vec<u8> {
        library::dump(self.libraries().map(|library| &*library.code))
    }

    /// Loads all libraries of a dump, or none.
    ///
    /// # Errors
    /// What is wrong with the dump, with a library, or with its coming beside the others.
    pub fn restore(
        &mut self,
        running: &Arc<Running>,
        dump: &[u8],
        policy: RestorePolicy,
    ) -> Result<(), Refused> {
        let codes = library::codes(dump).map_err(|text| refused(&[text.as_bytes()]))?;
        let mut fresh = Shelf::default();
        let outcome = self.fill(&mut fresh, running, &codes).and_then(|()| self.collisions(&fresh, policy));
        if let Err(refused) = outcome {
            fresh.libraries.into_values().for_each(|library| self.forget(&library));
            return Err(refused);
        }
        for library in fresh.libraries.into_values() {
            self.delete(&library.name);
            self.shelf.insert(library);
        }
        Ok(())
    }

    fn fill(&mut self, fresh: &mut Shelf, running: &Arc<Running>, codes: &[Vec<u8>]) -> Result<(), Refused> {
        for code in codes {
            let library = self.make(running, code, |name, _| fresh.libraries.contains_key(name))?;
            if let Some(taken) = fresh.taken(&library) {
                let refused = refused(&[b"Function ", taken, b" already exists"]);
                self.forget(&library);
                return Err(refused);
            }
            fresh.insert(library);
        }
        Ok(())
    }

    /// Makes place for restored libraries as far as the policy says, and looks for what is in their way. Nothing
    /// is changed if something is.
    fn collisions(&mut self, fresh: &Shelf, policy: RestorePolicy) -> Result<(), Refused> {
        let mut aside = Vec::new();
        match policy {
            RestorePolicy::Flush => {
                let old = std::mem::take(&mut self.shelf);
                old.libraries.into_values().for_each(|library| self.forget(&library));
                return Ok(());
            }
            RestorePolicy::Append => {
                let old = fresh.libraries.keys().find(|name| self.shelf.libraries.contains_key(*name));
                if let Some(name) = old {
                    return Err(refused(&[b"Library ", name, b" already exists"]));
                }
            }
            RestorePolicy::Replace => {
                aside.extend(fresh.libraries.keys().filter_map(|name| self.shelf.remove(name)));
            }
        }
        let taken = fresh.libraries.values().find_map(|library| self.shelf.taken(library));
        let outcome = taken.map_or(Ok(()), |name| Err(refused(&[b"Function ", name, b" already exists"])));
        // `restore` deletes what is replaced.
        self.shelf.extend(aside);
        outcome
    }

    /// The interpreter; the first call makes it.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn vm(&mut self, running: &Arc<Running>) -> Result<&mut Vm, Refused> {
        if self.vm.is_none() {
            let vm = Vm::new(Arc::clone(running), Kind::Functions);
            self.vm = Some(vm.map_err(|error| Refused(format!("ERR {error}").into_bytes()))?);
        }
        Ok(self.vm.as_mut().expect("just made"))
    }

    fn forget(&mut self, library: &Library) {
        if let Some(vm) = &mut self.vm {
            library.functions.iter().for_each(|function| vm.forget(function.code));
        }
    }

    fn figures(&mut self) -> FunctionFigures {
        FunctionFigures {
            libraries: self.shelf.libraries.len(),
            functions: self.shelf.functions.len(),
            texts: self.libraries().map(|library| library.code.len()).sum(),
            vm: self.vm.as_mut().map_or(0, Vm::used_memory),
        }
    }
}

impl Shelf {
    /// The first function of a library whose name another one has.
    fn taken<'l>(&self, library: &'l Library) -> Option<&'l [u8]> {
        let names = library.functions.iter().map(|function| &*function.name);
        names.into_iter().find(|name| self.functions.contains_key(&name.to_ascii_lowercase()))
    }

    fn insert(&mut self, library: Library) {
        for (at, function) in library.functions.iter().enumerate() {
            self.functions.insert(function.name.to_ascii_lowercase(), (library.name.clone(), at));
        }
        self.libraries.insert(library.name.clone(), library);
    }

    fn extend(&mut self, libraries: impl IntoIterator<Item = Library>) {
        libraries.into_iter().for_each(|library| self.insert(library));
    }

    fn remove(&mut self, name: &[u8]) -> Option<Library> {
        let library = self.libraries.remove(name)?;
        for function in &library.functions {
            self.functions.remove(&function.name.to_ascii_lowercase());
        }
        Some(library)
    }
}

fn refused(parts: &[&[u8]]) -> Refused {
    Refused([b"ERR ", parts.concat().as_slice()].concat())
}
