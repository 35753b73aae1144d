//! Media of the reported conversations: each number is a drawing of its own, or a tone.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::demo::draw::Draw;

const SEED: u64 = 0x6d65_6469;
const SAMPLES_PER_SECOND: u32 = 8_000;
const COLOURS: [&str; 8] = [
    "#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#6d597a", "#457b9d", "#84a98c",
];

/// A drawing, `7.svg`, or a tone, `7.wav`.
pub(super) async fn show(Path(file): Path<String>) -> Response {
    let told = file.split_once('.').and_then(|(number, kind)| {
        let number = number.parse().ok()?;
        match kind {
            "svg" => Some(("image/svg+xml", drawing(number).into_bytes())),
            "wav" => Some(("audio/wav", tone(number))),
            _ => None,
        }
    });
    match told {
        Some((kind, body)) => {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (
                    header::CONTENT_SECURITY_POLICY,
                    "default-src 'none'; sandbox",
                ),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, body).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such file").into_response(),
    }
}

fn drawing(number: u64) -> String {
    let mut draw = Draw::of(SEED, number);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 320 200\" width=\"640\" height=\"400\">\
         <rect width=\"320\" height=\"200\" fill=\"{}\"/>",
        draw.pick(&COLOURS)
    );
    for _ in 0..draw.between(6, 14) {
        let (x, y, r) = (draw.below(320), draw.below(200), draw.between(10, 60));
        let colour = draw.pick(&COLOURS);
        svg.push_str(&match draw.below(2) {
            0 => format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{colour}\" fill-opacity=\".8\"/>"),
            _ => format!("<rect x=\"{x}\" y=\"{y}\" width=\"{r}\" height=\"{r}\" rx=\"6\" fill=\"{colour}\"/>"),
        });
    }
    svg.push_str("</svg>");
    svg
}

/// A second and a half of three notes, 8 bits a sample.
fn tone(number: u64) -> Vec<u8> {
    let mut draw = Draw::of(SEED, number);
    let mut samples = Vec::new();
    for _ in 0..3 {
        // A triangle: so many samples up, so many down.
        let half = u32::try_from(draw.between(6, 16)).unwrap_or(8);
        for at in 0..SAMPLES_PER_SECOND / 2 {
            let place = at % (2 * half);
            let up = if place < half {
                place
            } else {
                2 * half - place
            };
            samples.push(u8::try_from(96 + up * 64 / half).unwrap_or(128));
        }
    }
    let size = u32::try_from(samples.len()).unwrap_or(0);
    let mut wav = b"RIFF".to_vec();
    wav.extend((size + 36).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    wav.extend([1, 0, 1, 0]);
    wav.extend(SAMPLES_PER_SECOND.to_le_bytes());
    wav.extend(SAMPLES_PER_SECOND.to_le_bytes());
    wav.extend([1, 0, 8, 0]);
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.append(&mut samples);
    wav
}
