//! Shows where a panic began: its stack ends in the frame of the application, and no other frame counts as that.

use sentry::protocol::{Event, Frame};

/// The longest name of a place, in characters.
const LONGEST: usize = 200;

/// Crates whose frames are not the application's.
const LIBRARIES: &[&str] = &[
    "__rustc",
    "alloc",
    "anyhow",
    "axum",
    "axum_core",
    "axum_extra",
    "backtrace",
    "bytes",
    "core",
    "eyre",
    "futures",
    "futures_core",
    "futures_executor",
    "futures_util",
    "h2",
    "http",
    "http_body",
    "http_body_util",
    "hyper",
    "hyper_util",
    "log",
    "metrics",
    "sentry_backtrace",
    "sentry_core",
    "sentry_panic",
    "sentry_tower",
    "sentry_tracing",
    "sentry_types",
    "std",
    "tokio",
    "tokio_stream",
    "tokio_util",
    "tonic",
    "tower",
    "tower_http",
    "tower_layer",
    "tower_service",
    "tower_vitals",
    "tracing",
    "tracing_core",
    "tracing_futures",
    "tracing_subscriber",
];

/// Crates that panic for others, and the hooks that a panic runs.
const MACHINERY: &[&str] = &[
    "__rustc",
    "alloc",
    "backtrace",
    "core",
    "sentry_backtrace",
    "sentry_core",
    "sentry_panic",
    "std",
    "tower_vitals",
];

/// Marks the frames of libraries. A frame of a crate that the application's options name stays.
pub(super) fn mark_libraries(event: &mut Event<'_>, included: &[&str]) {
    let of_exceptions = event.exception.iter_mut().map(|one| &mut one.stacktrace);
    let of_threads = event.threads.iter_mut().map(|one| &mut one.stacktrace);
    let stacks = of_exceptions
        .chain(of_threads)
        .chain([&mut event.stacktrace]);
    for frame in stacks.flatten().flat_map(|stack| &mut stack.frames) {
        let Some(function) = &frame.function else {
            continue;
        };
        let path = path_of(function);
        if is_of(path, LIBRARIES) && !included.iter().any(|prefix| path.starts_with(prefix)) {
            frame.in_app = Some(false);
        }
    }
}

/// Removes the innermost frames: those of the panic itself and of its hooks. A stack without others stays.
pub(super) fn trim(event: &mut Event<'_>) {
    let stacks = event
        .exception
        .iter_mut()
        .filter_map(|one| one.stacktrace.as_mut());
    for stack in stacks {
        let functions = stack
            .frames
            .iter()
            .map(|frame| frame.function.as_deref().unwrap_or(""));
        let functions: Vec<_> = functions.collect();
        // Hooks of the application run further in than this.
        let begun = functions.iter().position(|function| is_begin(function));
        let before = &functions[..begun.unwrap_or(functions.len())];
        let machinery = |function: &&&str| is_of(path_of(function), MACHINERY);
        let kept = before.len() - before.iter().rev().take_while(machinery).count();
        if kept > 0 {
            stack.frames.truncate(kept);
        }
    }
}

/// The function and the line in which the application panicked, as far as the binary knows them.
pub(super) fn place(event: &Event<'_>) -> Option<(String, String)> {
    let stacks = event
        .exception
        .iter()
        .rev()
        .filter_map(|one| one.stacktrace.as_ref());
    let is_app = |frame: &&Frame| {
        let function = frame
            .function
            .as_deref()
            .filter(|function| *function != "<unknown>");
        function.is_some_and(|function| !is_of(path_of(function), LIBRARIES))
    };
    let frame = stacks
        .flat_map(|stack| stack.frames.iter().rev())
        .find(is_app)?;
    let function: String = frame.function.as_deref()?.chars().take(LONGEST).collect();
    let file = frame.abs_path.as_deref().or(frame.filename.as_deref());
    let line = match file.zip(frame.lineno) {
        Some((file, line)) => format!("{file}:{line}"),
        None => function.clone(),
    };
    Some((function, line))
}

/// Whether the panic begins in this function. It calls the hooks.
fn is_begin(function: &str) -> bool {
    function.contains("rust_begin_unwind") || function.contains("::begin_panic")
}

/// The path of a function, or of the type or trait whose function it is: `<shop::Pay as core::future::Future>::poll`.
fn path_of(function: &str) -> &str {
    let Some(inner) = function
        .strip_prefix("_<")
        .or_else(|| function.strip_prefix('<'))
    else {
        return function;
    };
    let (of_type, of_trait) = inner.split_once(" as ").unwrap_or((inner, ""));
    // The type can be a parameter, such as `F`.
    let path = if of_type.contains("::") {
        of_type
    } else {
        of_trait
    };
    let path = path.trim_start_matches(['&', '<', '[', '(', '*']);
    path.trim_start_matches("mut ").trim_start_matches("dyn ")
}

fn is_of(path: &str, crates: &[&str]) -> bool {
    let name = path.split("::").next().unwrap_or(path);
    path.contains("::") && crates.contains(&name) || name.starts_with("__rust")
}

#[cfg(test)]
mod tests {
    use sentry::protocol::{Exception, Stacktrace};

    use super::*;

    fn panicked(functions: &[&str]) -> Event<'static> {
        let frame = |(line, function): (u64, &&str)| Frame {
            function: Some((*function).into()),
            filename: Some("pay.rs".into()),
            lineno: Some(line),
            ..Frame::default()
        };
        let stack = Stacktrace {
            frames: (0..).zip(functions).map(frame).collect(),
            ..Stacktrace::default()
        };
        let exception = Exception {
            stacktrace: Some(stack),
            ..Exception::default()
        };
        Event {
            exception: vec![exception].into(),
            ..Event::default()
        }
    }

    #[test]
    fn a_stack_ends_in_the_frame_of_the_application() {
        let mut event = panicked(&[
            "std::rt::lang_start",
            "std::panicking::catch_unwind",
            "tokio::runtime::task::core::Core<T,S>::poll",
            "<F as axum::handler::Handler<(M,T1),S>>::call",
            "<tower_vitals::observe::Service as tower_service::Service>::call",
            "<shop::Pay as core::future::future::Future>::poll",
            "core::option::Option<T>::expect",
            "core::option::expect_failed",
            "__rustc::rust_begin_unwind",
            "std::panicking::rust_panic_with_hook",
            "shop::main::{{closure}}",
            "sentry_panic::panic_handler",
        ]);
        trim(&mut event);
        mark_libraries(&mut event, &[]);
        let frames = &event.exception[0].stacktrace.as_ref().unwrap().frames;
        let in_app: Vec<_> = frames.iter().map(|frame| frame.in_app).collect();
        let library = Some(false);
        assert_eq!(in_app, [library, library, library, library, library, None]);
        let function = "<shop::Pay as core::future::future::Future>::poll".to_owned();
        assert_eq!(place(&event), Some((function, "pay.rs:5".into())));
    }

    #[test]
    fn a_stack_without_an_application_stays() {
        let mut event = panicked(&["std::rt::lang_start", "core::panicking::panic_fmt"]);
        trim(&mut event);
        assert_eq!(
            event.exception[0].stacktrace.as_ref().unwrap().frames.len(),
            2
        );
        assert_eq!(place(&event), None);
    }
}
