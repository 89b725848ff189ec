// SPDX-License-Identifier: MIT

/** Put in by the bundler; absent when the sources run unbundled. */
declare const __VERSION__: string | undefined;

export const version = typeof __VERSION__ === 'undefined' ? 'unbundled' : __VERSION__;
