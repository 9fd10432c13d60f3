/** The standard normal distribution. */

/** P(Z > z) for z >= 0; Abramowitz and Stegun 26.2.17, absolute error below 7.5e-8. */
export function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z)
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial
}

/** The z >= 0 with P(Z > z) = `tail`, by bisection. @param tail between 1e-6 and 0.5. */
export function normalQuantile(tail: number): number {
  let [low, high] = [0, 5]
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (normalTail(middle) > tail) low = middle
    else high = middle
  }
  return low
}
