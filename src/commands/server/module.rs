//! MODULE: there are no modules, and none can be loaded.

use crate::command::error;
use crate::command::row::*;
use crate::commands::{Call, Command, DONE, Outcome, help};

const GROUP: &str = "server";

const fn loading_row(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity).flags(&[ADMIN, NO_ASYNC_LOADING, NOSCRIPT]).doc(
        GROUP,
        since,
        "O(1)",
        "Is refused: Redstart has no modules.",
    )
}

pub(super) const MODULE: Command = Command::container(
    Spec::new("module", -2).doc(
        GROUP,
        "4.0.0",
        "Depends on the subcommand.",
        "Modules, of which there are none.",
    ),
    &[
        Command::new(help::row("module|help", GROUP, "5.0.0"), module_help),
        Command::new(
            Spec::new("module|list", 2)
                .flags(&[ADMIN, NOSCRIPT])
                .tips(&["nondeterministic_output_order"])
                .doc(GROUP, "4.0.0", "O(1)", "Returns an empty list."),
            list,
        ),
        Command::new(loading_row("module|load", -3, "4.0.0").syntax("path [arg*]"), refuse),
        Command::new(
            loading_row("module|loadex", -3, "7.0.0")
                .syntax("path [CONFIG configs:(name value)**] [ARGS args*]"),
            refuse,
        ),
        Command::new(loading_row("module|unload", 3, "4.0.0").syntax("name"), refuse),
    ],
);

fn list(call: &mut Call<'_>) -> Outcome {
    call.reply.array(0);
    DONE
}

fn refuse(_: &mut Call<'_>) -> Outcome {
    Err(error::NO_MODULES)
}

fn module_help(call: &mut Call<'_>) -> Outcome {
    help::answer(call, &[("LIST", "The modules that are loaded: always none.")])
}
