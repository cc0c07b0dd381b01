import { describe, expect, it } from 'vitest';
import { MASKED, maskSecrets } from './mask.ts';

describe('masking', () => {
  it.each([
    'authorization',
    'X-Gitlab-Token',
    'x-hub-signature-256',
    'client_secret',
    'dbPassword',
    'API-Key',
    'Jenkins-Crumb',
    'Set-Cookie',
  ])('takes out what is named %s, whatever it holds', (name) => {
    expect(maskSecrets({ [name]: 'abc', kept: 1 })).toEqual({ [name]: MASKED, kept: 1 });
    expect(maskSecrets({ deep: [{ [name]: { user: 'a', value: 'b' } }] })).toEqual({ deep: [{ [name]: MASKED }] });
  });

  it.each(['author', 'tokenizer', 'secretary', 'repository', 'commit', 'keys'])('keeps what is named %s', (name) => {
    expect(maskSecrets({ [name]: 'abc' })).toEqual({ [name]: 'abc' });
  });

  it('takes out what looks like a secret, and leaves what stands around it', () => {
    const token = `ghp_${'a1'.repeat(18)}`;
    expect(maskSecrets(`cloned with ${token}, at last`)).toBe(`cloned with ${MASKED}, at last`);
    expect(maskSecrets('https://ci:hunter2@git.example.com/items.git')).toBe(
      `https://${MASKED}@git.example.com/items.git`,
    );
    expect(maskSecrets('curl -H "Authorization: Bearer abcdefgh12"')).toBe(`curl -H "Authorization: ${MASKED}"`);
    expect(maskSecrets('-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----')).toBe(MASKED);
  });

  it('leaves prose alone', () => {
    const prose = 'Basic implementation of the bearer certificates, signature included, see https://example.com/a@b';
    expect(maskSecrets({ text: prose })).toEqual({ text: prose });
  });

  it("takes out the system's own secrets wherever they stand, but no short word", () => {
    expect(maskSecrets({ note: 'with s3cr3t-of-ours inside' }, ['s3cr3t-of-ours'])).toEqual({
      note: `with ${MASKED} inside`,
    });
    expect(maskSecrets({ note: 'a benchmark' }, ['bench'])).toEqual({ note: 'a benchmark' });
  });

  it('looks into text that is JSON, and leaves it to the character where nothing is secret', () => {
    expect(maskSecrets({ data: '{ "token": "abc", "tag": "1.0" }' })).toEqual({
      data: `{"token":"${MASKED}","tag":"1.0"}`,
    });
    expect(maskSecrets({ data: '{ "tag": "1.0" }' })).toEqual({ data: '{ "tag": "1.0" }' });
    expect(maskSecrets('{ not json')).toBe('{ not json');
  });

  it('of a large hostile text takes little time', () => {
    const started = performance.now();
    maskSecrets(`-----BEGIN PRIVATE KEY-----${'A'.repeat(200_000)}`);
    maskSecrets('eyJ'.repeat(60_000));
    maskSecrets('a://'.repeat(50_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('of a value that is too deep keeps nothing below', () => {
    let value: object = { leaf: 'x' };
    for (let depth = 0; depth < 200; depth += 1) value = { below: value };
    expect(JSON.stringify(maskSecrets(JSON.parse(JSON.stringify(value))))).not.toContain('leaf');
  });
});
