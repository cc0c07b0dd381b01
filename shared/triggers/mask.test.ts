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
    'tokens',
    'dbPasswords',
    'webhookSecretValue',
    'pass',
    'connectionString',
  ])('takes out what is named %s, whatever it holds', (name) => {
    expect(maskSecrets({ [name]: 'abc', kept: 1 })).toEqual({ [name]: MASKED, kept: 1 });
    expect(maskSecrets({ deep: [{ [name]: { user: 'a', value: 'b' } }] })).toEqual({ deep: [{ [name]: MASKED }] });
  });

  it.each(['author', 'tokenizer', 'secretary', 'repository', 'commit', 'keys', 'bypass', 'secretName', 'tokenId'])(
    'keeps what is named %s',
    (name) => {
      expect(maskSecrets({ [name]: 'abc' })).toEqual({ [name]: 'abc' });
    },
  );

  it('takes out what looks like a secret, and leaves what stands around it', () => {
    const token = `ghp_${'a1'.repeat(18)}`;
    expect(maskSecrets(`cloned with ${token}, at last`)).toBe(`cloned with ${MASKED}, at last`);
    expect(maskSecrets('https://ci:hunter2@git.example.com/items.git')).toBe(
      `https://${MASKED}@git.example.com/items.git`,
    );
    expect(maskSecrets('curl -H "Authorization: Bearer abcdefgh12"')).toBe(`curl -H "Authorization: ${MASKED}"`);
    expect(maskSecrets('-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----')).toBe(MASKED);
  });

  it('takes out what stands beside the name of a secret, in a list of named values', () => {
    const listed = [
      { name: 'DB_PASSWORD', value: 'hunter2' },
      { key: 'REGION', value: 'tokyo' },
    ];
    expect(maskSecrets(listed)).toEqual([
      { name: 'DB_PASSWORD', value: MASKED },
      { key: 'REGION', value: 'tokyo' },
    ]);
    expect(maskSecrets({ total_tokens: 5, tokens: ['abc'] })).toEqual({ total_tokens: 5, tokens: MASKED });
  });

  it.each([
    ['https://ci.example/hook?branch=main&token=a1&x=2', `https://ci.example/hook?branch=main&token=${MASKED}&x=2`],
    ['https://b.example/o?se=2026&sig=aB%2Bc', `https://b.example/o?se=2026&sig=${MASKED}`],
    ['user=ci&password=hunter2', `user=ci&password=${MASKED}`],
    ['export API_KEY=abc DEBUG=1', `export API_KEY=${MASKED} DEBUG=1`],
    ['db password: hunter2', `db password: ${MASKED}`],
    ['https://hooks.slack.com/services/T000/B000/abcdefgh', MASKED],
    [Buffer.from('{"user":"ci","password":"hunter2"}').toString('base64'), MASKED],
    [Buffer.from('{"user":"ci"}').toString('base64'), Buffer.from('{"user":"ci"}').toString('base64')],
  ])('of the text %s keeps %s', (text, kept) => {
    expect(maskSecrets({ text })).toEqual({ text: kept });
  });

  it('takes out secrets that stand in the names of fields', () => {
    expect(maskSecrets({ [`ghp_${'a1'.repeat(18)}`]: 1 })).toEqual({ [MASKED]: 1 });
  });

  it('leaves prose alone', () => {
    for (const text of [
      'Basic implementation of the bearer certificates, signature included, see https://example.com/a@b',
      'Reset the password: the old one is kept for a day. A token: what is it?',
      `image items@sha256:${'8a9e'.repeat(16)} of commit da1560886d4f094c3e6c9ef40349f7d38b5d27d7`,
      'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
    ]) {
      expect(maskSecrets({ text })).toEqual({ text });
    }
  });

  it("takes out the system's own secrets wherever they stand, but no short word", () => {
    expect(maskSecrets({ note: 'with s3cr3t-of-ours inside' }, ['s3cr3t-of-ours'])).toEqual({
      note: `with ${MASKED} inside`,
    });
    expect(maskSecrets({ note: 'a benchmark' }, ['bench'])).toEqual({ note: 'a benchmark' });
    const odd = 's3cr3t/of ours';
    for (const written of [encodeURIComponent(odd), Buffer.from(odd).toString('base64')]) {
      expect(maskSecrets({ note: `with ${written}, too` }, [odd])).toEqual({ note: `with ${MASKED}, too` });
    }
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
    maskSecrets('-eyJ'.repeat(60_000));
    maskSecrets('token='.repeat(40_000));
    maskSecrets('password: '.repeat(20_000));
    maskSecrets('Bearer '.repeat(30_000));
    maskSecrets('a://'.repeat(50_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('of a value that is too deep keeps nothing below', () => {
    let value: object = { leaf: 'x' };
    for (let depth = 0; depth < 200; depth += 1) value = { below: value };
    expect(JSON.stringify(maskSecrets(JSON.parse(JSON.stringify(value))))).not.toContain('leaf');
    expect(maskSecrets({ data: `${'['.repeat(100_000)}${']'.repeat(100_000)}` })).toEqual({ data: MASKED });
  });
});
