/** Draws charts one after the other, each in a task of its own, so that a page that draws many still answers. */

const waiting = new Map<object, () => void>();
let due = false;

function next(): void {
  const [first] = waiting;
  due = false;
  if (first === undefined) return;
  const [whose, draw] = first;
  waiting.delete(whose);
  plan();
  draw();
}

function plan(): void {
  if (due || waiting.size === 0) return;
  due = true;
  setTimeout(next);
}

/** Draws once it is its turn; what the same one still waited to draw is left out. */
export function inTurn(whose: object, draw: () => void): void {
  waiting.set(whose, draw);
  plan();
}

/** Leaves out what somebody still waits to draw. */
export function outOfTurn(whose: object): void {
  waiting.delete(whose);
}
