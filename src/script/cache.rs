//! The scripts that the server knows, by the SHA1 of their text.
//!
//! Scripts that came with EVAL are forgotten when 500 newer ones have been used since; those of SCRIPT LOAD stay.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ahash::RandomState;
use parking_lot::{Mutex, MutexGuard};

use super::shebang::{self, ScriptFlags};
use super::vm::{Code, Kind};
use super::{Running, Vm};

/// How many scripts of EVAL are kept.
const EVICTABLE_MAX: usize = 500;

/// 40 hexadecimal digits in lower case.
pub type Sha = [u8; 40];

/// A script that can be run.
#[derive(Clone, Copy)]
pub struct Script {
    /// Its compiled code.
    pub code: Code,
    /// What its first line says.
    pub flags: ScriptFlags,
}

struct Known {
    script: Script,
    /// When it was last used, in uses of any script; none: it stays.
    used: Option<u64>,
    /// Its text.
    body: Box<[u8]>,
}

/// Why a script can't be used: the text with its code in front.
#[derive(Debug)]
pub struct Refused(pub Vec<u8>);

/// The interpreter and its scripts.
#[derive(Default)]
pub struct Scripts {
    /// The running script, without waiting for it.
    pub running: Arc<Running>,
    /// For tests: scripts may call commands that are not for them.
    pub unbound: AtomicBool,
    state: Mutex<State>,
    figures: Mutex<Figures>,
}

/// Figures about the scripts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Figures {
    /// Scripts that are known.
    pub known: usize,
    /// Bytes of their texts.
    pub texts: usize,
    /// Bytes of the interpreter.
    pub vm: usize,
    /// Scripts forgotten so far.
    pub evicted: u64,
}

/// What belongs to whoever runs a script.
#[derive(Default)]
pub struct State {
    vm: Option<Vm>,
    known: HashMap<Sha, Known, RandomState>,
    /// The SHA1 by a quicker hash of the text.
    by_text: HashMap<u64, Sha, RandomState>,
    evictable: usize,
    uses: u64,
    /// Scripts forgotten so far.
    pub evicted: u64,
}

/// The SHA1 of a script's text.
pub fn sha_of(body: &[u8]) -> Sha {
    let digest = sha1_smol::Sha1::from(body).digest().bytes();
    let mut sha = [0; 40];
    for (to, byte) in sha.chunks_exact_mut(2).zip(digest) {
        to[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        to[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    sha
}

fn text_hash(body: &[u8]) -> u64 {
    crate::base::hash::hash(body)
}

impl Scripts {
    /// The interpreter, which nobody else uses meanwhile. It is held for long only behind the closed gate.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Figures of this moment, or of the last one at which nobody ran a script: it isn't waited for.
    pub fn figures(&self) -> Figures {
        let mut last = self.figures.lock();
        if let Some(mut state) = self.state.try_lock() {
            *last = state.figures();
        }
        *last
    }
}

impl State {
    /// The interpreter; the first call makes it.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn vm(&mut self, running: &Arc<Running>) -> Result<&mut Vm, Refused> {
        if self.vm.is_none() {
            let vm = Vm::new(Arc::clone(running), Kind::Scripts);
            self.vm = Some(vm.map_err(|error| Refused(format!("ERR {error}").into_bytes()))?);
        }
        Ok(self.vm.as_mut().expect("just made"))
    }

    /// A script by its SHA1.
    pub fn find(&mut self, sha: &Sha) -> Option<Script> {
        self.uses += 1;
        let known = self.known.get_mut(sha)?;
        if let Some(used) = &mut known.used {
            *used = self.uses;
        }
        Some(known.script)
    }

    /// What a known script's first line says; this is no use of it.
    pub fn flags_of(&self, sha: &[u8]) -> Option<ScriptFlags> {
        let sha = Sha::try_from(sha).ok()?.map(|byte| byte.to_ascii_lowercase());
        self.known.get(&sha).map(|known| known.script.flags)
    }

    /// A script that is known, by its text.
    pub fn find_text(&mut self, body: &[u8]) -> Option<(Sha, Script)> {
        let sha = *self.by_text.get(&text_hash(body))?;
        let known = self.known.get_mut(&sha).filter(|known| *known.body == *body)?;
        self.uses += 1;
        if let Some(used) = &mut known.used {
            *used = self.uses;
        }
        Some((sha, known.script))
    }

    /// Whether a script is known.
    pub fn contains(&self, sha: &[u8]) -> bool {
        Sha::try_from(sha)
            .is_ok_and(|sha| self.known.contains_key(&sha.map(|byte| byte.to_ascii_lowercase())))
    }

    /// Compiles a script and keeps it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(
        &mut self,
        running: &Arc<Running>,
        body: &[u8],
        sha: Sha,
        stays: bool,
    ) -> Result<Script, Refused> {
        if let Some(script) = self.find(&sha) {
            return Ok(script);
        }
        let (flags, code) =
            shebang::split(body).map_err(|text| Refused([b"ERR ", text.as_slice()].concat()))?;
        let wrong = |what: Vec<u8>| {
            Refused([b"ERR Error compiling script (new function): ", what.as_slice()].concat())
        };
        let code = self.vm(running)?.compile(code).map_err(wrong)?;
        if !stays {
            self.make_room();
            self.evictable += 1;
        }
        let script = Script { code, flags };
        let used = (!stays).then_some(self.uses);
        self.by_text.insert(text_hash(body), sha);
        self.known.insert(sha, Known { script, used, body: body.into() });
        Ok(script)
    }

    fn make_room(&mut self) {
        while self.evictable >= EVICTABLE_MAX {
            let oldest = self.known.iter().filter_map(|(sha, known)| Some((known.used?, *sha))).min();
            let Some((_, sha)) = oldest else { return };
            if let (Some(known), Some(vm)) = (self.known.remove(&sha), &mut self.vm) {
                self.by_text.remove(&text_hash(&known.body));
                vm.forget(known.script.code);
            }
            self.evictable -= 1;
            self.evicted += 1;
        }
    }

    /// Forgets all scripts and the interpreter.
    pub fn flush(&mut self) {
        let evicted = self.evicted;
        *self = State { evicted, ..State::default() };
    }

    fn figures(&mut self) -> Figures {
        Figures {
            known: self.known.len(),
            texts: self.known.values().map(|known| known.body.len()).sum(),
            vm: self.vm.as_mut().map_or(0, Vm::used_memory),
            evicted: self.evicted,
        }
    }
}
