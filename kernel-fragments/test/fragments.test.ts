// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';

describe('the fragments', () => {
  const lines = globSync(join(import.meta.dirname, '../*.cfg'))
    .sort()
    .flatMap((path) => {
      const texts = readFileSync(path, 'utf8').trimEnd().split('\n');
      return texts.map((text, index) => ({ place: `${basename(path)}:${index + 1}`, text, above: texts[index - 1] ?? '' }));
    });
  const named = lines.flatMap(({ place, text, above }) => {
    const [, set, value, unset] = /^(?:CONFIG_(\w+)=(y|\d+|".*")|# CONFIG_(\w+) is not set)$/.exec(text) ?? [];
    const option = set ?? unset;
    return option === undefined ? [] : [{ place, option, value: value ?? 'n', above }];
  });

  it('consist of options and comments', () => {
    const options = new Set(named.map(({ place }) => place));
    assert.deepEqual(
      lines.filter(({ place, text }) => !options.has(place) && text !== '' && (!/^# ./.test(text) || text.includes('CONFIG_'))),
      [],
    );
  });

  it('give the reason for every option', () => {
    assert.deepEqual(
      named.filter(({ above }) => !above.startsWith('# ') || / CONFIG_|SPDX/.test(above)).map(({ place }) => place),
      [],
    );
  });

  it('do not contradict each other', () => {
    const values = Map.groupBy(named, ({ option }) => option);
    const disputed = [...values].filter(([, wants]) => new Set(wants.map(({ value }) => value)).size > 1);
    assert.deepEqual(
      disputed.map(([option]) => option),
      [],
    );
  });

  it('name versions of Linux only where the check of a built kernel reads them', () => {
    const wrong = lines.filter(({ text }) => /(since|until) (?!Linux \d+\.\d+\b)[Ll]?\w*\W?\d/.test(text));
    assert.deepEqual(wrong, []);
  });

  it('ask for what secret memory needs', () => {
    const wanted = new Map(named.map(({ option, value }) => [option, value]));
    const needed = ['SECRETMEM', 'RODATA_FULL_DEFAULT_ENABLED', 'SECCOMP_FILTER', 'SECURITY_LANDLOCK', 'MEMCG', 'TCG_TIS'];
    assert.deepEqual(
      [...needed, 'INIT_ON_FREE_DEFAULT_ON'].filter((option) => wanted.get(option) !== 'y'),
      [],
    );
  });
});
