//! LOLWUT: the version, or the computer art of an earlier one.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, SQRT_2};

use crate::command::row::*;
use crate::command::{Error, args};
use crate::commands::{Call, Command, DONE, Outcome};
use crate::config::REDIS_VERSION;

pub(super) const LOLWUT: Command = Command::new(
    Spec::new("lolwut", -1)
        .flags(&[READONLY, FAST])
        .doc("server", "5.0.0", "", "Draws, and tells the version.")
        .syntax("[VERSION version:integer]"),
    lolwut,
);

fn lolwut(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args_from(1);
    let mut version = 7;
    if args.len() >= 2 && args.word("version") {
        version = args.int()?;
    }
    let mut drawing = match version {
        5 => schotter(&read([66, 8, 12], [1000, 200, 200], args.rest())?),
        6 => skyline(&read([80, 20], [1000, 1000], args.rest())?),
        _ => String::new(),
    };
    drawing.push_str(&format!("Redis ver. {REDIS_VERSION}\n"));
    call.reply.verbatim("txt", drawing.as_bytes());
    DONE
}

/// Numbers from 1 to a limit each; those that aren't given have a default.
fn read<const N: usize>(
    mut defaults: [i64; N],
    limits: [i64; N],
    given: &[&[u8]],
) -> Result<[usize; N], Error> {
    for (number, arg) in defaults.iter_mut().zip(given) {
        *number = args::int(arg)?;
    }
    let mut numbers = [0; N];
    for ((to, from), limit) in numbers.iter_mut().zip(defaults).zip(limits) {
        *to = from.clamp(1, limit) as usize;
    }
    Ok(numbers)
}

/// Rows of pixels at the most, so that a short request doesn't take much memory.
const HEIGHT_MAX: f32 = 4096.0;

/// A grid of colours.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize, colour: u8) -> Canvas {
        Canvas { width, height, pixels: vec![colour; width * height] }
    }

    fn index(&self, x: i32, y: i32) -> Option<usize> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        (x < self.width && y < self.height).then_some(x + y * self.width)
    }

    /// Draws a pixel, unless it lies outside.
    fn set(&mut self, x: i32, y: i32, colour: u8) {
        if let Some(index) = self.index(x, y) {
            self.pixels[index] = colour;
        }
    }

    fn get(&self, x: i32, y: i32) -> u8 {
        self.index(x, y).map_or(0, |index| self.pixels[index])
    }

    fn line(&mut self, from: (f32, f32), to: (f32, f32)) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = dx.abs().max(dy.abs()).max(1.0);
        for step in 0..=steps as i32 {
            let part = step as f32 / steps;
            self.set((from.0 + part * dx).round() as i32, (from.1 + part * dy).round() as i32, 1);
        }
    }

    /// A square around a centre, turned by an angle.
    fn square(&mut self, (x, y): (f32, f32), side: f32, angle: f32) {
        let radius = (side / SQRT_2).round();
        let corner = |quarter: i32| {
            let (sin, cos) = (FRAC_PI_4 + angle + quarter as f32 * FRAC_PI_2).sin_cos();
            ((x + sin * radius).round(), (y + cos * radius).round())
        };
        (0..4).for_each(|quarter| self.line(corner(quarter), corner(quarter + 1)));
    }

    /// As braille characters, each of two by four pixels.
    fn braille(&self) -> String {
        const DOTS: [(i32, i32); 8] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
        let mut text = String::new();
        for y in (0..self.height as i32).step_by(4) {
            for x in (0..self.width as i32).step_by(2) {
                let dots = DOTS.iter().enumerate().filter(|(_, (dx, dy))| self.get(x + dx, y + dy) != 0);
                let code = dots.fold(0x2800, |code, (bit, _)| code | 1 << bit);
                text.extend(char::from_u32(code));
            }
            text.push('\n');
        }
        text
    }

    /// As coloured blanks.
    fn blocks(&self) -> String {
        const COLOURS: [&str; 4] = ["0;30;40m", "0;90;100m", "0;37;47m", "0;97;107m"];
        let mut text = String::new();
        for row in self.pixels.chunks(self.width) {
            row.iter()
                .for_each(|colour| text.push_str(&format!("\x1b[{} \x1b[0m", COLOURS[usize::from(*colour)])));
            text.push('\n');
        }
        text
    }
}

/// After Georg Nees: rows of squares that lose their order towards the bottom.
fn schotter(&[columns, per_row, per_column]: &[usize; 3]) -> String {
    let width = columns * 2;
    let padding = if width > 4 { 2.0 } else { 0.0 };
    let side = (width as f32 - 2.0 * padding) / per_row as f32;
    let per_column = per_column.min((HEIGHT_MAX / side.max(1.0)) as usize).max(1);
    let height = side * per_column as f32 + 2.0 * padding;
    let mut canvas = Canvas::new(width, height as usize, 0);
    for y in 0..per_column {
        let disorder = if y > 1 { y as f32 / per_column as f32 } else { 0.0 };
        let jolt = || (fastrand::f32() * 2.0 - 1.0) * disorder;
        for x in 0..per_row {
            let centre = |at: usize| (at as f32 + 0.5) * side + padding;
            canvas.square((centre(x) + jolt() * side / 3.0, centre(y) + jolt() * side / 3.0), side, jolt());
        }
    }
    format!("{}\nGeorg Nees - schotter, plotter on paper, 1968. ", canvas.braille())
}

/// Houses at night, the nearest black with lit windows.
fn skyline(&[columns, rows]: &[usize; 2]) -> String {
    const BLACK: u8 = 0;
    let mut canvas = Canvas::new(columns, rows, 3);
    let (columns, rows) = (columns as i32, rows as i32);
    for colour in [2, 1, BLACK] {
        let mut x = -10;
        while x < columns {
            x += fastrand::i32(0..8);
            let (width, base, extra, gap) = match colour {
                2 => (10 + fastrand::i32(0..9), rows / 2, rows / 2, 0),
                1 => (10 + fastrand::i32(0..9), rows / 2, rows / 3, 1),
                // Windows are two wide and two apart.
                _ => (4 * fastrand::i32(1..5) + 2, rows / 3, rows / 2, 5),
            };
            house(&mut canvas, x, width, base + fastrand::i32(0..=extra), colour, colour == BLACK);
            x += if colour == 2 { width / 2 } else { width + gap };
        }
    }
    let blocks = canvas.blocks();
    format!("{blocks}\nDedicated to the 8 bit game developers of past and present.\n")
}

fn house(canvas: &mut Canvas, left: i32, width: i32, height: i32, colour: u8, windows: bool) {
    let bottom = canvas.height as i32 - 1;
    let top = bottom - height + 1;
    for y in top..=bottom {
        let roof = if y == top { 2 } else { 0 };
        for x in left + roof..left + width - roof {
            let (across, down) = (x - left - 1, y - top - 1);
            let inside = across > 0 && x < left + width - 2 && down > 0 && y < bottom - 1;
            let lit = windows && inside && across / 2 % 2 == 1 && down % 2 == 1;
            let window = if across % 2 == 1 { canvas.get(x - 1, y) } else { fastrand::u8(1..3) };
            canvas.set(x, y, if lit { window } else { colour });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_have_the_size_asked_for() {
        let drawing = schotter(&[66, 8, 12]);
        let lines: Vec<&str> = drawing.lines().collect();
        assert_eq!(lines[0].chars().count(), 66);
        assert_eq!(lines.len(), 49 + 2, "{drawing}");
        let drawing = skyline(&[80, 20]);
        assert_eq!(drawing.lines().nth(19).map(|line| line.matches("\x1b[0m").count()), Some(80));
        // Extremes neither panic nor take long.
        for size in [[1, 1, 1], [1000, 1, 200], [1, 200, 200], [1000, 200, 1]] {
            schotter(&size);
        }
        skyline(&[1, 1]);
        skyline(&[1000, 1000]);
    }

    #[test]
    fn numbers_are_limited() {
        assert_eq!(read([66, 8], [1000, 200], &[b"-5"]), Ok([1, 8]));
        assert_eq!(read([66, 8], [1000, 200], &[b"5", b"1000", b"x"]), Ok([5, 200]));
        assert!(read([66, 8], [1000, 200], &[b"x"]).is_err());
    }
}
