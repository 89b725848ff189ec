// SPDX-License-Identifier: MIT
import fc from 'fast-check';

/** Arbitrary TOML documents, in as many of its spellings as there are. */

type Style = () => number;
type Leaf = { readonly kind: 'leaf'; readonly text: string };
type List = { readonly kind: 'list'; readonly elements: readonly Node[] };
type Tables = { readonly kind: 'tables'; readonly elements: readonly TableNode[] };
type TableNode = { readonly kind: 'table'; readonly members: readonly (readonly [string, Node])[] };
type Node = Leaf | List | Tables | TableNode;

const leafText = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom(
    'true',
    'false',
    '1.5e3',
    '0xdead_beef',
    '-inf',
    '""',
    "''",
    '"a # b = c [d] {e}, \\" \\\\"',
    "'a \\ # \" ]'",
    '"""\nx = 1 # no\n[y]\n""" ',
    '"""a \\"""b\\\\"""',
    '"""two quotes: """""',
    "'''\nk = 'v'\n[z]'''",
    "'''a''''",
  ),
);

const { document } = fc.letrec<{ node: Node; table: TableNode; document: TableNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leafText.map((text): Node => ({ kind: 'leaf', text })),
    fc.array(tie('node'), { maxLength: 3 }).map((elements): Node => ({ kind: 'list', elements })),
    fc.array(tie('table'), { minLength: 1, maxLength: 3 }).map((elements): Node => ({ kind: 'tables', elements })),
    tie('table'),
  ),
  table: tableOf(tie('node')),
  document: tableOf(tie('node')),
}));

function tableOf(node: fc.Arbitrary<Node>): fc.Arbitrary<TableNode> {
  const name = fc.oneof(fc.constantFrom('a', 'b-c', '_1', '42', 'x y', '', 'é', 'q"q', "s's", 'dot.dot', '#', ']'), fc.string());
  return fc
    .uniqueArray(fc.tuple(name, node), { maxLength: 5, selector: ([key]) => key })
    .map((members) => ({ kind: 'table', members }));
}

/** A document as text; the numbers decide between spellings that mean the same. */
export const tomlText: fc.Arbitrary<string> = fc
  .tuple(document, fc.array(fc.nat(), { minLength: 16, maxLength: 16 }), fc.boolean())
  .map(([table, choices, carriageReturns]) => {
    let next = 0;
    const style: Style = () => choices[next++ % choices.length] ?? 0;
    const text = printTable(table, [], style);
    return carriageReturns ? text.replaceAll('\n', '\r\n') : text;
  });

/** Pairs first, then what needs a header. */
function printTable({ members }: TableNode, path: readonly string[], style: Style): string {
  let pairs = '';
  let sections = '';
  for (const [name, node] of members) {
    if (node.kind === 'table' && style() % 2 === 0) {
      sections += `${blank(style)}[${dotted([...path, name], style)}]${comment(style)}\n${printTable(node, [...path, name], style)}`;
    } else if (node.kind === 'tables') {
      for (const element of node.elements) {
        sections += `[[${dotted([...path, name], style)}]]\n${printTable(element, [...path, name], style)}`;
      }
    } else {
      pairs += printPair([name], node, style);
    }
  }
  return comment(style) + (pairs === '' ? '\n' : `\n${pairs}`) + sections;
}

function printPair(keys: readonly string[], node: Node, style: Style): string {
  if (node.kind === 'table' && node.members.length > 0 && style() % 2 === 0) {
    return node.members.map(([name, inner]) => printPair([...keys, name], inner, style)).join('');
  }
  return `${blank(style)}${dotted(keys, style)}${blank(style)}=${blank(style)}${inline(node, style)}${comment(style)}\n`;
}

function inline(node: Node, style: Style): string {
  switch (node.kind) {
    case 'leaf':
      return node.text;
    case 'list':
    case 'tables': {
      const gap = ['', ' ', '\n', ' # x ]\n'][style() % 4] ?? '';
      const elements: readonly Node[] = node.elements;
      return `[${gap}${elements.map((element) => inline(element, style)).join(`${gap},${gap}`)}${elements.length > 0 && style() % 2 === 0 ? ',' : ''}${gap}]`;
    }
    case 'table':
      return `{ ${node.members.map(([name, inner]) => `${dotted([name], style)} = ${inline(inner, style)}`).join(', ')} }`;
    default:
      return node satisfies never;
  }
}

function dotted(keys: readonly string[], style: Style): string {
  return keys.map((key) => quoted(key, style)).join(`${blank(style)}.${blank(style)}`);
}

function quoted(key: string, style: Style): string {
  const isBare = /^[A-Za-z0-9_-]+$/.test(key);
  const isLiteral = /^[ !"#-&(-~]*$/.test(key);
  const choice = style() % 3;
  if (isBare && choice === 0) return key;
  if (isLiteral && choice === 1) return `'${key}'`;
  return JSON.stringify(key).replaceAll('\u007f', '\\u007f');
}

function blank(style: Style): string {
  return ['', ' ', '\t ', ''][style() % 4] ?? '';
}

function comment(style: Style): string {
  return style() % 4 === 0 ? ' # "not" = [a, {key' : '';
}
