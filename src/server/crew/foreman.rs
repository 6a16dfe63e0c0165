//! How many workers are to be at work, judged by what they get done.
//!
//! ```text
//! at rest ──── nobody finds time to sleep ───▶ try twice as many ──┬─ clearly more done: they stay
//!    ▲                                                             └─ else: back, and not again for some time
//!    └──────── so many aren't needed ◀──── try half as many, now and then: as much done with less is better
//! ```
//!
//! It is a hill climb on commands per second. Processor time alone can't tell: two workers that fight for the shard of
//! one key are as busy as two that help each other, and where clients need the other cores a second worker takes away
//! more than it gives.

/// From so much of its time on a worker has hardly any left, as a share.
const FULL: f64 = 0.9;
/// Workers that could do with one less are this busy then, as a share.
const EASY: f64 = 0.6;
/// What twice as many workers must get done at least, as a ratio.
const GAIN: f64 = 1.15;
/// Looks in a row that show the same before anything changes.
const LOOKS: u32 = 2;
/// Looks in a row with too little to do before workers sit down.
const EASY_LOOKS: u32 = 5;
/// Looks between two trials: at first, and after many that were in vain.
const PATIENCE: (u32, u32) = (50, 1600);

/// See the head of this file.
pub struct Foreman {
    /// Workers that there are.
    all: usize,
    at_work: usize,
    full: u32,
    easy: u32,
    /// Commands per second of the last looks.
    rates: [f64; LOOKS as usize],
    trial: Option<Trial>,
    patience: u32,
    /// Looks until the next trial.
    wait: u32,
    /// Whether the last trial was one of more workers.
    tried_more: bool,
}

/// Another number of workers, to see whether that is better.
struct Trial {
    /// What there were before, and what they got done.
    from: usize,
    rate: f64,
    looks: u32,
    sum: f64,
}

impl Foreman {
    /// One worker of so many is at work.
    pub fn new(all: usize) -> Foreman {
        Foreman {
            all,
            at_work: 1,
            full: 0,
            easy: 0,
            rates: [0.0; LOOKS as usize],
            trial: None,
            patience: PATIENCE.0,
            wait: 0,
            tried_more: false,
        }
    }

    /// Looks at what was done since the last look: how many cores were used, and commands per second. Tells how many
    /// workers are to be at work.
    pub fn look(&mut self, cores: f64, rate: f64) -> usize {
        match self.trial.take() {
            Some(trial) => self.judge(trial, rate),
            None => self.watch(cores, rate),
        }
        self.at_work
    }

    fn watch(&mut self, cores: f64, rate: f64) {
        self.rates.rotate_left(1);
        self.rates[LOOKS as usize - 1] = rate;
        self.wait = self.wait.saturating_sub(1);
        let at_work = self.at_work as f64;
        self.full = if cores >= FULL * at_work { self.full + 1 } else { 0 };
        self.easy = if cores < EASY * (at_work - 1.0) { self.easy + 1 } else { 0 };
        if self.easy >= EASY_LOOKS {
            self.at_work = ((cores / EASY).ceil() as usize).clamp(1, self.all);
            (self.easy, self.patience, self.wait) = (0, PATIENCE.0, 0);
        } else if self.wait == 0 {
            let more = self.full >= LOOKS && self.at_work < self.all;
            let less = self.at_work > 1 && rate > 0.0;
            if more && !(less && self.tried_more) {
                self.try_with((self.at_work * 2).min(self.all));
            } else if less {
                self.try_with(self.at_work / 2);
            }
        }
    }

    fn try_with(&mut self, workers: usize) {
        let rate = self.rates.iter().sum::<f64>() / f64::from(LOOKS);
        self.tried_more = workers > self.at_work;
        self.trial = Some(Trial { from: self.at_work, rate, looks: 0, sum: 0.0 });
        self.at_work = workers;
    }

    fn judge(&mut self, mut trial: Trial, rate: f64) {
        trial.looks += 1;
        // The first look still shows the change itself.
        if trial.looks > 1 {
            trial.sum += rate;
        }
        if trial.looks <= LOOKS {
            self.trial = Some(trial);
            return;
        }
        let now = trial.sum / f64::from(LOOKS);
        let pays = if self.tried_more { now >= trial.rate * GAIN } else { now * GAIN > trial.rate };
        if pays {
            self.patience = PATIENCE.0;
        } else {
            self.at_work = trial.from;
            self.patience = (self.patience * 2).min(PATIENCE.1);
        }
        self.wait = self.patience;
        (self.full, self.easy) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many are at work most of the time, where so many cores are wanted and the rate depends on the workers.
    fn usual(all: usize, wanted: f64, rate: impl Fn(usize) -> f64) -> usize {
        let mut foreman = Foreman::new(all);
        let mut seen = vec![0; all + 1];
        let mut at_work = 1;
        for _ in 0..2000 {
            at_work = foreman.look(wanted.min(at_work as f64), rate(at_work));
            assert!((1..=all).contains(&at_work));
            seen[at_work] += 1;
        }
        (1..=all).max_by_key(|workers| seen[*workers]).unwrap_or(0)
    }

    #[test]
    fn one_is_enough_for_little() {
        assert_eq!(usual(8, 0.5, |_| 1000.0), 1);
        assert_eq!(usual(8, 0.0, |_| 0.0), 1);
    }

    #[test]
    fn all_work_where_each_helps() {
        assert_eq!(usual(8, 8.0, |workers| 1000.0 * workers as f64), 8);
        assert_eq!(usual(2, 2.0, |workers| 1000.0 + 300.0 * workers as f64), 2);
    }

    #[test]
    fn one_works_where_others_stand_in_its_way() {
        assert_eq!(usual(2, 2.0, |workers| 1000.0 / workers as f64), 1);
        assert_eq!(usual(2, 2.0, |_| 1000.0), 1);
    }

    #[test]
    fn as_many_as_pay() {
        assert_eq!(usual(16, 16.0, |workers| 1000.0 * workers.min(4) as f64), 4);
    }

    #[test]
    fn they_sit_down_soon_when_the_load_is_over() {
        let mut foreman = Foreman::new(4);
        (0..100).fold(1, |at_work, _| foreman.look(at_work as f64, 1000.0 * at_work as f64));
        let looks = (0..20).take_while(|_| foreman.look(0.1, 10.0) > 1).count();
        assert!(looks <= 10, "{looks}");
    }
}
