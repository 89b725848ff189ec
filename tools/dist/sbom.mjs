// SPDX-License-Identifier: MIT
// The bill of materials, in the two forms that tools read. Times and identifiers come from what is described, so that the same release has
// the same bill.
import { createHash } from 'node:crypto';

const refOf = ({ purl }) => purl.replace(/^pkg:/, '').replace(/[^A-Za-z0-9.-]+/g, '-');

/** SHA-512 in hexadecimal digits of the package that npm publishes, or undefined. */
const sha512Of = ({ integrity }) => integrity && Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex');

/** A UUID of the content (RFC 9562, version 8). */
function uuidOf(...texts) {
  const digest = createHash('sha256').update(texts.join('\0')).digest();
  digest[6] = (digest[6] & 0x0f) | 0x80;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

const timeOf = ({ epoch }) => new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');

const binaryComponents = (components) => [
  ...new Set(components.map(({ partOf }) => partOf).filter((name) => name !== undefined)),
];

/**
 * SPDX 2.3, JSON (ISO/IEC 5962:2021 and its successor).
 * @param release { name, version, architecture, libc, license, epoch }
 */
export function spdx(release, components) {
  const main = 'SPDXRef-open-sesame';
  const idOf = (component) => `SPDXRef-${refOf(component)}`;
  const describe = (component) => ({
    SPDXID: idOf(component),
    name: component.name,
    versionInfo: component.version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: component.license,
    licenseDeclared: component.license,
    copyrightText: 'NOASSERTION',
    ...(component.integrity && { checksums: [{ algorithm: 'SHA512', checksumValue: sha512Of(component) }] }),
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: component.purl }],
  });
  const containerOf = ({ partOf }) => idOf(components.find(({ name }) => name === partOf));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${release.name}-${release.version}-${release.architecture}-${release.libc}`,
    documentNamespace: `urn:uuid:${uuidOf('spdx', JSON.stringify([release, components]))}`,
    creationInfo: { created: timeOf(release), creators: ['Organization: The Open Sesame for devices authors'] },
    comment: 'Of the Rust crates inside the native modules only those are listed that show in the binaries.',
    packages: [
      { ...describe({ ...release, purl: `pkg:generic/${release.name}@${release.version}` }), SPDXID: main },
      ...components.map(describe),
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: main },
      ...components.map((component) => ({
        spdxElementId: component.partOf === undefined ? main : containerOf(component),
        relationshipType: 'CONTAINS',
        relatedSpdxElement: idOf(component),
      })),
    ],
  };
}

/** CycloneDX 1.6, JSON (ECMA-424). Parameters as for spdx(). */
export function cycloneDx(release, components) {
  const main = `${release.name}@${release.version}`;
  const describe = (component) => ({
    type: 'library',
    'bom-ref': refOf(component),
    name: component.name,
    version: component.version,
    ...(component.integrity && { hashes: [{ alg: 'SHA-512', content: sha512Of(component) }] }),
    licenses: [{ expression: component.license }],
    purl: component.purl,
  });
  const refsIn = (owner) => components.filter(({ partOf }) => partOf === owner).map(refOf);
  const refOfName = (wanted) => refOf(components.find(({ name }) => name === wanted));
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf('cyclonedx', JSON.stringify([release, components]))}`,
    version: 1,
    metadata: {
      timestamp: timeOf(release),
      component: {
        type: 'application',
        'bom-ref': main,
        name: release.name,
        version: release.version,
        licenses: [{ expression: release.license }],
        purl: `pkg:generic/${release.name}@${release.version}?arch=${release.architecture}&libc=${release.libc}`,
      },
    },
    components: components.map(describe),
    dependencies: [
      { ref: main, dependsOn: refsIn(undefined) },
      ...binaryComponents(components).map((name) => ({ ref: refOfName(name), dependsOn: refsIn(name) })),
    ],
    compositions: [{ aggregate: 'incomplete', assemblies: binaryComponents(components).map(refOfName) }],
  };
}
