//! The middle and the spread of samples, for the runner of benchmarks and for the reports of what it wrote. Runs on small shared
//! machines have two or three typical speeds, so nothing here takes a mean or supposes a bell curve.

/// The value below which a part of the samples lies, between 0 and 1; between two samples in proportion. NaN without
/// samples.
#[must_use]
pub fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    #[expect(clippy::cast_precision_loss, reason = "samples are few")]
    let place = part.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of samples"
    )]
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// The middle sample, or the mean of the two in the middle. NaN without samples.
#[must_use]
pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The range of the middle half of the samples (interquartile range). NaN without samples.
#[must_use]
pub fn spread(samples: &[f64]) -> f64 {
    quantile(samples, 0.75) - quantile(samples, 0.25)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_spread_is_that_of_the_middle_half_and_an_outlier_does_not_move_it() {
        let samples = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(spread(&samples), 2.0);
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 500.0]), 2.0);
        assert_eq!((spread(&[7.0]), quantile(&samples, 2.0)), (0.0, 5.0));
    }
}
