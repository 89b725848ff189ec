// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { fstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { LogLevel } from '../../src/core/log.ts';
import { createLogger, isJournal } from '../../src/linux/logger.ts';
import { runModule } from '../support/child.ts';
import { temporaryDirectory } from '../support/directory.ts';

function recorded(json: boolean, level: LogLevel = 'info') {
  const lines: string[] = [];
  return { lines, logger: createLogger({ level, json, name: 'daemon-x', write: (line) => lines.push(line) }) };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a line must not hold
const control = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/;

for (const json of [false, true]) {
  describe(`a log line as ${json ? 'JSON' : 'text'}`, () => {
    it('is one line without control characters, whatever it is about', () => {
      fc.assert(
        fc.property(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: 'binary' }),
          fc.string({ unit: 'binary' }),
          (message, key, value) => {
            const { lines, logger } = recorded(json);
            logger.warn(message, { [key]: value });
            assert.equal(lines.length, 1);
            assert.ok(lines[0]?.endsWith('\n'));
            assert.doesNotMatch(lines[0]?.slice(0, -1) ?? '', control);
          },
        ),
      );
    });

    it('is not written below the level', () => {
      const { lines, logger } = recorded(json, 'warn');
      logger.info('quiet');
      logger.warn('loud');
      assert.equal(lines.length, 1);
    });

    it('is written at the new level after a change', () => {
      const { lines, logger } = recorded(json, 'error');
      logger.configure('debug', json);
      logger.debug('now');
      assert.equal(lines.length, 1);
    });
  });
}

describe('the JSON of a log line', () => {
  it('brings every field back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (message, value) => {
        const { lines, logger } = recorded(true);
        logger.error(message, { fact: value, count: 3, absent: undefined });
        const { time, ...rest } = JSON.parse(lines[0] ?? '');
        assert.ok(Number.isFinite(Date.parse(time)));
        assert.deepEqual(rest, { level: 'error', name: 'daemon-x', message, fact: value, count: 3 });
      }),
    );
  });

  it('keeps its own members when a field has the same name', () => {
    const { lines, logger } = recorded(true);
    logger.info('true', { message: 'false', level: 'error' });
    assert.deepEqual([JSON.parse(lines[0] ?? '').message, JSON.parse(lines[0] ?? '').level], ['true', 'info']);
  });
});

describe('the text of a log line', () => {
  it('gives time, level, program, message and facts', () => {
    const { lines, logger } = recorded(false);
    logger.info('opened', { profile: 'device', entries: 3, path: '/a b', absent: undefined });
    assert.match(lines[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z info daemon-x: opened profile=device entries=3 path="\/a b"\n$/);
  });
});

describe('a logger on standard error', () => {
  const source = `
    import { createLogger, isJournal } from '${import.meta.resolve('../../src/linux/logger.ts')}';
    createLogger({ level: 'info', json: false, name: 'x' }).info('said');
    console.log('alive');`;

  it('writes there at once', () => {
    assert.match(runModule(source).stderr, / info x: said\n$/);
  });

  it('does not end a daemon that has no standard error', () => {
    const ended = runModule(source, { through: ['sh', '-c', 'exec "$@" 2>/dev/full', 'sh'] });
    assert.equal(ended.stdout, 'alive\n');
  });

  it('says later how many lines were lost', () => {
    const path = join(temporaryDirectory(), 'log');
    runModule(
      `import { closeSync, openSync } from 'node:fs';
       import { createLogger, isJournal } from '${import.meta.resolve('../../src/linux/logger.ts')}';
       const logger = createLogger({ level: 'info', json: false, name: 'x' });
       closeSync(2);
       openSync('/dev/full', 'w');
       logger.info('lost');
       logger.info('lost too');
       closeSync(2);
       openSync('${path}', 'w');
       logger.info('kept');`,
    );
    assert.match(readFileSync(path, 'utf8'), /^2 log lines were lost.*\n.* kept\n$/);
  });
});

describe('a line for the journal', () => {
  it('begins with its priority', () => {
    const { lines, logger } = recorded(false);
    logger.configure('debug', false, true);
    logger.error('a');
    logger.warn('b');
    logger.info('c');
    logger.debug('d');
    assert.deepEqual(
      lines.map((line) => line.slice(0, 3)),
      ['<3>', '<4>', '<6>', '<7>'],
    );
  });

  it('is written only when standard error is that stream', () => {
    const { dev, ino } = fstatSync(2);
    assert.equal(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }), true);
    assert.equal(isJournal({ JOURNAL_STREAM: '9:9' }), false);
    assert.equal(isJournal({}), false);
  });
});
