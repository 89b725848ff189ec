// SPDX-License-Identifier: MIT
declare const __VERSION__: string | undefined;

/** The version of package.json, put in by the build; `development` when the sources run as they are. */
export const version: string = typeof __VERSION__ === 'string' ? __VERSION__ : 'development';
