// SPDX-License-Identifier: MIT
import type { RecordedEvent } from './event-log-record.ts';

/** How one boot differs from another in what was measured, as a person would say it: "the kernel command line changed: …". */
export function differences(before: readonly RecordedEvent[], after: readonly RecordedEvent[]): string[] {
  const start = commonLength(before, after);
  const end = commonLength(before.slice(start).reverse(), after.slice(start).reverse());
  const gone = before.slice(start, before.length - end);
  const come = after.slice(start, after.length - end);
  const sentences: string[] = [];
  for (const event of come) {
    const at = gone.findIndex((other) => other.type === event.type && other.subject === event.subject);
    const [counterpart] = at === -1 ? [] : gone.splice(at, 1);
    if (counterpart === undefined) sentences.push(withDetail(`the ${event.subject} was added`, event.detail));
    else if (!counterpart.digest.equals(event.digest)) sentences.push(changed(counterpart, event));
  }
  for (const event of gone) sentences.push(withDetail(`the ${event.subject} is gone`, event.detail));
  // The same events in another order make another PCR.
  if (sentences.length === 0 && come.length > 0) sentences.push('the same things were measured in another order');
  return sentences;
}

function commonLength(one: readonly RecordedEvent[], other: readonly RecordedEvent[]): number {
  const first = one.findIndex((event, index) => {
    const counterpart = other[index];
    return counterpart === undefined || counterpart.type !== event.type || !counterpart.digest.equals(event.digest);
  });
  return first === -1 ? one.length : first;
}

function changed(before: RecordedEvent, after: RecordedEvent): string {
  const sentence = `the ${after.subject} changed`;
  if (before.detail === '' || after.detail === '' || before.detail === after.detail) return sentence;
  if (after.subject !== 'kernel command line') return `${sentence} from "${before.detail}" to "${after.detail}"`;
  return `${sentence}: ${changedWords(before.detail, after.detail)}`;
}

/** Command lines are long, and what differs is a word or two. */
function changedWords(before: string, after: string): string {
  const [old, now] = [before.split(' '), after.split(' ')];
  const removed = old.filter((word) => !now.includes(word));
  const added = now.filter((word) => !old.includes(word));
  const parts = [
    ...(removed.length === 0 ? [] : [`without ${quoted(removed)}`]),
    ...(added.length === 0 ? [] : [`with ${quoted(added)}`]),
  ];
  return parts.length === 0 ? 'the same words in another order or number' : parts.join(', ');
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(' ');
}

function withDetail(sentence: string, detail: string): string {
  return detail === '' ? sentence : `${sentence}: ${detail}`;
}
