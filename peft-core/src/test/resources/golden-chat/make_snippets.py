"""What transformers renders of small templates: each shows one construct of Jinja, or one error.
Usage: make_snippets.py, with transformers 5.24 and jinja2 3.1.6. Writes snippets.json beside it."""
import json, os, datetime
import transformers.utils.chat_template_utils as utils

class Noon(datetime.datetime):
    @classmethod
    def now(cls, tz=None): return cls(2026, 11, 8, 9, 5, 7)
utils.datetime = Noon

VALUES = dict(
    t='Grüße 👋 x', s='  a b\n', e='', n=7, z=0, neg=-3, f=2.5, whole=3.0, tiny=1e-7, huge=1e16, big=12345678901234567890,
    yes=True, no=False, nil=None, l=[3, 1, 2], words=['b', 'A', 'c'], mixed=[1, 'x', None, 2.5, [True]],
    d={'b': 1, 'a': 'x', 'items': 5, 'ü': [1]}, empty={}, html='<a href="x">&\'</a>',
    people=[{'name': 'Zoë', 'age': 30, 'tags': ['x']}, {'name': 'adam', 'age': 4}, {'name': 'Bob', 'age': 30, 'tags': []}])

SNIPPETS = r"""
{{ t }}|{{ s }}|{{ nil }}|{{ yes }}|{{ n }}|{{ f }}|{{ whole }}|{{ tiny }}|{{ huge }}|{{ big }}|{{ missing }}|
{{ l }} {{ mixed }} {{ d }} {{ people }} {{ (1,) }} {{ (1, 'a') }} {{ () }} {{ [] }} {{ {} }}
{{ "it's" }} {{ ["it's", 'say "x"', "both ' and \"", 'a\nb\t\\', '\u200b\xa0é\x7f\U0001F44B'] }}
{{ 1 + 2 * 3 - 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1 / 3 }} {{ 0.1 + 0.2 }} {{ 1e308 * 10 }} {{ 5 / 2.5 }} {{ 10 ** 20 }} {{ 2 ** 64 - 1 }} {{ 9223372036854775807 + 1 }} {{ -9223372036854775807 - 2 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1.0 % 0 }}
{{ yes + yes }} {{ yes * 3 }} {{ -yes }} {{ +no }} {{ yes == 1 }} {{ yes / 2 }} {{ 1 == 1.0 }} {{ 'a' == 1 }} {{ nil == no }}
{{ 'a' + 1 }}
{{ 'a' + nil }}
{{ missing + 1 }}
{{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [1, 2] * 2 }} {{ (1,) * 2 }} {{ 'a' * -1 }}|
{{ [1] + (2,) }}
{{ 'a' * 2.0 }}
{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 1E-2 }} {{ 12.0 }} {{ 1_0.5 }} {{ 00 }}
{{ 'a' 'b' "c" }} {{ 'x\x41\u00e9\101\q' }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }} {{ (1,) < (1, 2) }} {{ 1 <= 1.0 }} {{ 3 > 2 >= 2 }} {{ 1 != 2 }}
{{ 1 < 'a' }}
{{ nil < 1 }}
{{ missing < 1 }}
{{ {} < {} }}
{{ missing == other }} {{ missing == nil }} {{ missing != '' }} {{ d == {'a': 'x', 'b': 1, 'ü': [1], 'items': 5} }} {{ l == [3, 1.0, 2] }} {{ (1, 2) == [1, 2] }}
{{ 'a' in 'abc' }} {{ 'x' not in l }} {{ 3 in l }} {{ 'b' in d }} {{ nil in mixed }} {{ 'x' in missing }} {{ '' in '' }} {{ 1.0 in l }} {{ missing in l }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ missing in 'abc' }}
{{ [] in d }}
{{ not yes }} {{ not not nil }} {{ yes and 'x' }} {{ no or 'y' }} {{ e or z or 'last' }} {{ n and e and yes }}| {{ not n == 8 }} {{ yes or missing.x }} {{ no and missing.x }}
{{ 'a' if yes }} {{ 'a' if no }} {{ 'a' if no else 'b' }} {{ 1 if no else 2 if no else 3 }} {{ ('x' if no) is defined }}
{{ 'a' ~ 1 ~ nil ~ yes ~ 1.0 ~ [1] ~ missing ~ 'b' }} {{ (1 ~ 2) + '3' }}
{{ 1 ~ 2 + 3 }}
{{ t[0] }}{{ t[-1] }}{{ t[6] }}{{ t[7] }} {{ t[99] is defined }} {{ l[0] }} {{ l[-1] }} {{ l[9] is defined }} {{ (1, 2)[1] }} {{ t.0 }} {{ l.1 }}
{{ t[1:3] }} {{ t[::-1] }} {{ t[:-2] }} {{ t[-3:] }} {{ t[::2] }} {{ l[1:] }} {{ l[::-1] }} {{ l[5:] }} {{ l[-2:1:-1] }} {{ (1, 2, 3)[:2] }} {{ t[6:7] }} {{ range(10)[2:5] | list }} {{ l[nil:2] }}
{{ t[::0] }}
{{ n[1:] is defined }} {{ d[1:] is defined }} {{ nil[:1] is defined }}
{{ missing[1:] }}
{{ d.b }} {{ d['a'] }} {{ d['zz'] is defined }} {{ d.zz is defined }} {{ d['items'] }} {{ d.items is callable }} {{ d.items() | list }} {{ d.get('a') }} {{ d.get('q') }} {{ d.get('q', 4) }} {{ d.keys() }} {{ d.values() | list }} {{ d.items() }}
{{ missing.x }}
{{ d.zz.y }}
{{ nil.x is defined }} {{ n.x is defined }} {{ t.x is defined }} {{ l.x is defined }} {{ n.real }} {{ t.upper is defined }} {{ 'x'.format is defined }}
{{ d.pop('b') }}
{{ d.pop is defined }}|{{ d.update }}|{{ l.append is defined }}|{{ l.index(1) }}|{{ l.count(3) }}|{{ l.copy() }}
{{ l.append(4) }}
{{ t.__class__ is defined }}|{{ t.__class__ }}|{{ d.__len__ is defined }}
{{ t.__class__.__mro__ }}
{{ missing() }}
{{ n() }}
{{ d.items(1) }}
{{ t.upper() }} {{ t.lower() }} {{ 'hello world-x'.title() }} {{ 'éa ß'.capitalize() }} {{ 'ßa'.upper() }} {{ 'aBc'.swapcase() }} {{ 'ΑΣ'.lower() }} {{ "they're bill's".title() }}
[{{ s.strip() }}] [{{ s.lstrip() }}] [{{ s.rstrip() }}] [{{ 'xxaxx'.strip('x') }}] [{{ 'abcba'.strip('ab') }}] [{{ '\u00a0\u2003a\x1f'.strip() }}] [{{ '\u200ba'.strip() }}]
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b c'.split(maxsplit=1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b '.rsplit(nil, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a\nb\r\nc'.splitlines() }} {{ 'a\n'.splitlines(true) }} {{ 'a-b'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'ab'.partition('x') }}
{{ 'a'.split('') }}
{{ 'aXbX'.replace('X', '') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'ab'.replace('', '-') }} {{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'aba'.rfind('a') }} {{ 'aba'.count('a') }} {{ '👋b'.find('b') }} {{ 'abcabc'.find('a', 1) }} {{ 'abab'.count('ab', 1) }} {{ 'aa'.count('') }}
{{ 'abc'.index('z') }}
{{ 'a'.replace('a') }}
{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.startswith('b', 1) }} {{ 'abc'.startswith('') }} {{ 'x-y'.removeprefix('x-') }} {{ 'x-y'.removesuffix('y') }}
{{ 'abc'.startswith(nil) }}
{{ 'abc'.startswith(['a']) }}
{{ 'abc'.startswith(missing) }}
{{ 'a'.isalpha() }} {{ '1'.isdigit() }} {{ ''.isdigit() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ '½'.isnumeric() }} {{ ' \n'.isspace() }} {{ 'aB'.islower() }} {{ 'AB1'.isupper() }} {{ '1'.isupper() }} {{ 'Ab Cd'.istitle() }} {{ 'a1'.isalnum() }} {{ 'a1'.isidentifier() }} {{ 'é'.isascii() }} {{ '\n'.isprintable() }}
[{{ 'ab'.center(5) }}] [{{ 'abc'.center(6, '*') }}] [{{ 'ab'.ljust(4) }}] [{{ 'ab'.rjust(4, '.') }}] [{{ '-5'.zfill(4) }}] [{{ 'a\tb'.expandtabs(4) }}] [{{ ', '.join(words) }}] [{{ ''.join(missing) }}]
{{ ', '.join(l) }}
{{ '%s and %d, %5.2f|%-4s|%04d|%x|%r|%%|%+d|%e|%g' % ('a', 5, 3.14159, 'b', 42, 255, 'q', 3, 12345.678, 0.0001) }} {{ '%s' % 5 }} {{ '%(a)s' % {'a': 1} }} {{ '%s' % [1] }} {{ '%.2s' % 'abc' }} {{ '%5s|' % '👋' }}
{{ '%s %s' % 'a' }}
{{ '%d' % 'a' }}
{{ 'a' % 1 }}
{{ '{} {} {0}'.format('a', 'b') }}
{{ '{0} {1} {0} {x} {{}}'.format('a', 2, x=nil) }} {{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}|{:x}|{:%}|{:e}|{:+}'.format('a', 'b', 'c', 42, 3.14159, 1234567, 255, 0.25, 12345.678, 3) }} {{ '{a[0]} {b.name}'.format(a=[1], b=namespace(name='z')) }} {{ '{!r}'.format('x') }} {{ '{:*^7}|{:g}|{:.3}|{:s}'.format('m', 1e10, 2.0, 'x') }}
{{ '{:d}'.format('a') }}
{{ '{}'.format() }}
{{ t | length }} {{ d | length }} {{ missing | length }} {{ l | count }} {{ '👋' | length }} {{ range(5) | length }} {{ d.items() | length }}
{{ nil | length }}
{{ people | map(attribute='name') | length }}
{{ ' x ' | trim }}| {{ 'xax' | trim('x') }} {{ nil | trim }} {{ 5 | trim }} {{ missing | trim }}| {{ 'a' | upper }} {{ nil | upper }} {{ 'AB' | lower }} {{ 'hELLO wORLD' | capitalize }} {{ "it's a-test (of) [title]" | title }} {{ 'a b a' | replace('a', 'c') }} {{ 'aaa' | replace('a', 'b', 1) }} {{ 123 | replace(2, 'x') }}
{{ 'a b  c-d' | wordcount }} [{{ 'ab' | center(6) }}] {{ 'foo bar baz qux' | truncate(9) }} {{ 'foo bar baz qux' | truncate(9, true) }} {{ 'foo bar baz qux' | truncate(11) }} {{ 'foo bar baz qux' | truncate(11, false, '…', 0) }} {{ '%s-%s' | format('a', 'b') }} {{ '%(x)s' | format(x=1) }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\n\nb' | indent(2, true, true) }}|{{ 'a\nb' | indent('> ', first=true) }}|{{ 'a\n' | indent(1) }}|
{{ l | first }} {{ l | last }} {{ [] | first is defined }} {{ 'abc' | first }} {{ 'abc' | last }} {{ d | first }} {{ missing | first is defined }} {{ l | join }} {{ l | join(', ') }} {{ mixed | join('|') }} {{ people | join(',', attribute='name') }} {{ 'abc' | join('-') }} {{ d | join(' ') }}
{{ people | selectattr('age') | last }}
{{ nil | first }}
{{ l | sort }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ l | sort(reverse=true) }} {{ people | sort(attribute='age') | map(attribute='name') | list }} {{ people | sort(attribute='age,name') | map(attribute='name') | join(' ') }} {{ d | sort }} {{ l | reverse | list }} {{ 'a👋b' | reverse }} {{ words | unique | list }} {{ ['a', 'A', 'b'] | unique | list }} {{ l | min }} {{ l | max }} {{ words | max }} {{ [] | min is defined }} {{ people | min(attribute='age') }}
{{ mixed | sort }}
{{ l | sum }} {{ [0.5, 1] | sum }} {{ people | sum(attribute='age') }} {{ l | sum(start=10) }} {{ [] | sum }} {{ [[1], [2]] | sum(start=[]) }}
{{ words | sum }}
{{ d | dictsort }} {{ {'b': 1, 'A': 3} | dictsort(true) }} {{ {'b': 1, 'A': 3} | dictsort(by='value', reverse=true) }} {{ d | items | list }} {{ missing | items | list }} {{ d | list }} {{ 'ab' | list }} {{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ [1, 2, 3] | batch(2, 'x') | list }} {{ [1, 2, 3, 4, 5] | slice(3) | list }} {{ [1, 2, 3, 4] | slice(3, 'x') | list }}
{{ l | items | list }}
{{ nil | list }}
{{ people | map(attribute='tags') | list }} {{ people | map(attribute='tags.0', default='-') | list }} {{ words | map('upper') | list }} {{ l | map('string') | join('+') }} {{ people | map('length') | list }} {{ words | map('replace', 'b', 'z') | list }}
{{ people | selectattr('tags') | map(attribute='name') | list }} {{ people | selectattr('tags', 'defined') | list | length }} {{ people | rejectattr('age', 'eq', 30) | map(attribute='name') | list }} {{ l | select('gt', 1) | list }} {{ l | reject('odd') | list }} {{ mixed | select | list }} {{ people | selectattr('age', '>', 5) | list | length }} {{ mixed | select('string') | list }} {{ people | selectattr('name', 'in', ['Bob']) | first }}
{{ l | select('nonsense') | list }}
{{ l | map('nonsense') | list }}
{{ l | map | list }}
{{ missing | default('x') }} {{ nil | default('x') }} {{ e | default('x', true) }} {{ missing | d }}| {{ z | default(5, boolean=true) }} {{ d.q.r | default('x') if d.q else 'no' }}
{{ 3.7 | int }} {{ '42' | int }} {{ '42.9' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ nil | int }} {{ 'ff' | int(base=16) }} {{ '0x1f' | int(base=16) }} {{ ' 5 ' | int }} {{ yes | int }} {{ '1_0' | int }} {{ '3.5' | float }} {{ 'x' | float }} {{ '1e3' | float }} {{ 'inf' | float }} {{ 5 | float }} {{ nil | float(2.0) }} {{ [] | int }}
{{ missing | int }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 1234 | round(-2) }} {{ 2.1 | round(method='ceil') }} {{ 2.15 | round(1, 'floor') }} {{ 5 | round }} {{ -0.4 | round }} {{ -3 | abs }} {{ -2.5 | abs }} {{ yes | abs }}
{{ 'x' | round }}
{{ 'x' | abs }}
{{ mixed | tojson }} {{ d | tojson }} {{ t | tojson }} {{ '\x00\x1f\x7f"\\/\b\f\u2028é' | tojson }} {{ (1, 2) | tojson }} {{ nil | tojson }} {{ 1e16 | tojson }} {{ html | tojson }} {{ {1: 2, none: 3} | tojson }} {{ big | tojson }} {{ [] | tojson }} {{ {} | tojson }}
{{ d | tojson(indent=2) }} {{ mixed | tojson(indent=1) }} {{ d | tojson(sort_keys=true) }} {{ d | tojson(ensure_ascii=true) }} {{ t | tojson(true) }} {{ l | tojson(separators=(',', ':')) }} {{ d | tojson(indent='--') }} {{ [[], {}] | tojson(indent=2) }}
{{ missing | tojson }}
{{ d.items() | tojson }}
{{ range(3) | tojson }}
{{ namespace(a=1) | tojson }}
{{ html }} {{ html | e }} {{ html | escape | length }} {{ html | safe }} {{ (html | safe) + '<' }} {{ '<' + ('<b>' | safe) }} {{ ('<b>' | safe) ~ '<' }} {{ ('<b>' | safe) | upper }} {{ ('<%s>' | safe) % '<' }} {{ [('<b>' | safe)] }} {{ html | e | e }} {{ html | e | forceescape }} {{ ('a' | safe).replace('a', '<') }} {{ '<b>' | safe | trim + '<' }} {{ ('x' | safe) is string }} {{ ('x' | safe) is escaped }} {{ ('<' | safe) == '<' }} {{ ('<' | safe) in ['<'] }} {{ ('a,b' | safe).split(',') }} {{ ('<' | safe) | tojson }} {{ ('ab' | safe)[0] + '<' }} {{ ('<' | safe) * 2 + '<' }} {{ ['<', '>' | safe] | join('&') }}
{{ d | attr('items') is defined }} {{ d | attr('b') is defined }} {{ t | attr('upper') is defined }} {{ t | attr('nope') is defined }}
{{ t is string }} {{ n is number }} {{ yes is number }} {{ n is integer }} {{ yes is integer }} {{ f is float }} {{ yes is boolean }} {{ nil is none }} {{ d is mapping }} {{ l is sequence }} {{ t is sequence }} {{ d is sequence }} {{ n is iterable }} {{ t is iterable }} {{ missing is iterable }} {{ missing is sequence }} {{ d.items() is sequence }} {{ (l | map('string')) is iterable }} {{ (l | map('string')) is sequence }} {{ range is callable }} {{ n is callable }} {{ yes is true }} {{ 1 is true }} {{ no is false }} {{ missing is false }} {{ t is defined }} {{ missing is undefined }}
{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 'ab' is lower }} {{ 'AB' is upper }} {{ 1 is eq 1 }} {{ 1 is ne(2) }} {{ 2 is gt 1 }} {{ 2 is lessthan 3 }} {{ 2 is ge 2 }} {{ 'a' is in 'abc' }} {{ 1 is sameas 1 }} {{ yes is sameas true }} {{ 1 is sameas true }} {{ 'x' is equalto 'x' }} {{ 1 is not odd }} {{ t is not none and n is number }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ not t is string }} {{ 'a' is string ~ 'b' }}
{{ 'a' is odd }}
{{ t is string is true }}
{{ t is defined(1) }}
{{ x | nonsense }}
{{ x is nonsense }}
{% if no %}{{ x | nonsense }}{% endif %}ok
{% if yes %}{{ x | nonsense }}{% endif %}ok
{{ (x | nonsense) if no else 'fine' }}
{% for i in l %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}
{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }} {% endfor %}
{% for i in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }} {% endfor %}{{ loop is defined }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for c in 'a👋' %}<{{ c }}>{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}{% for a, in [[1]] %}{{ a }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{% for a, b in [1] %}{{ a }}{% endfor %}
{% for i in [] %}x{% else %}none{% endfor %}{% for i in missing %}x{% else %}none{% endfor %}{% for i in l %}{% else %}none{% endfor %}
{% for i in nil %}x{% endfor %}
{% for i in 5 %}x{% endfor %}
{% for i in l if i > 1 %}{{ i }}:{{ loop.index }}/{{ loop.length }} {% else %}none{% endfor %}{% for i in l if i > 9 %}x{% else %}none{% endfor %}
{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ range(3) }}{{ range(1, 9, 2) }}{{ range(3) | list }}
{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}|{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% else %}none{% endfor %}
{% for i in l %}{% for j in words %}{% if loop.index == 2 %}{% break %}{% endif %}{{ loop.length }}{{ j }}{% endfor %}{{ loop.index }}{% endfor %}
{% break %}
{% for i in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for i in l %}{% set x %}a{% if i == 1 %}{% break %}{% endif %}{% endset %}{{ x }}{% endfor %}
{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}
{% set ns = namespace(x=0, y='a') %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }} {{ ns.y }} {{ ns.z is defined }} {{ ns['x'] }} {{ ns is mapping }} {{ ns }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{% set ns.c = 3 %}{{ ns.c }}
{% set d.x = 1 %}
{% set ns = namespace(_x=1) %}
{% set ns = namespace() %}{% set ns._y = 1 %}
{% set missing.x = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a = 1, 2 %}{{ a }}{% set (a, b) = [3, 4] %}{{ a }}{{ b }}
{% set true = 1 %}
{% set x = 'q' %}{% if no %}{% set x = 'r' %}{% endif %}{{ x }}{% if yes %}{% set y = 's' %}{% endif %}{{ y }}
{% set x %}a{{ n }}b{% endset %}[{{ x }}]{% set x | upper | replace('A', 'z') %}a{{ t }}{% endset %}[{{ x }}]{% set x %}{% set inner = 1 %}{% endset %}{{ inner is defined }}
{% with a = 1, b = n %}{{ a }}{{ b }}{% set q = 1 %}{% endwith %}{{ a is defined }}{{ q is defined }}{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}
{% filter upper | replace('A', 'x') %}abc{{ t }}{% endfilter %}
{% macro m(a, b=2, c=a) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=9) }}{{ m() }}{{ m(b=1, a=0) }}{{ m.name }}{{ m.arguments }}
{% macro m(a) %}x{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}x{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}x{% endmacro %}{{ m(1, a=2) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}
{% macro m(x) %}<{{ caller() }}|{{ caller is defined }}>{% endmacro %}{% call m(1) %}body{{ n }}{% endcall %}
{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b=3) m() %}{{ a }}{{ b }}{% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 5 %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}{{ x }}
{% macro fac(n) %}{% if n < 2 %}1{% else %}{{ n * (fac(n - 1) | int) }}{% endif %}{% endmacro %}{{ fac(5) }} {{ fac(1) + 'x' }}
{% macro outer() %}{% macro inner(x) %}<{{ x }}>{% endmacro %}{{ inner(1) }}{% endmacro %}{{ outer() }}{{ inner is defined }}
{% for i in l %}{{ m2(i) }}{% endfor %}{% macro m2(x) %}{{ x }}{% endmacro %}
{% macro m() %}{{ loop is defined }}{{ i is defined }}{% endmacro %}{% for i in l %}{{ m() }}{% endfor %}
{{ m(*l) if false }}{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*l) }}{{ m(1, *[2, 3]) }}{{ m(**{'a': 1, 'b': 2, 'c': 3}) }}{{ dict(a=1, **{'b': 2}) }}
{{ dict(a=1) }} {{ dict([('x', 1)]) }} {{ dict({'a': 1}, b=2) }} {{ dict() }}
{{ raise_exception('no') }}
{{ raise_exception(message='no') if no else 'fine' }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %d %b %B %a %A %j %y %I %p %e %-d %-m %F %T %D %U %W %V %w %u %% %h %C %G') }}
{{ strftime_now() }}
{{ undefined_function() }}
 {%- if yes -%}  a  {%- endif -%}  b
  {% if yes %}
  a
  {% endif %}
b
a  {% if yes %} b {% endif %}  c
a {%+ if yes %}
b{% endif +%}
c
  {#- x -#}  a  {# y #}
b {# multi
line #} c
{% raw %}{{ x }} {% if %}{% endraw %}|{%- raw -%}  {{ y }}  {%- endraw -%} |
{% raw %}
a
{% endraw %}
b
a
  {{- n }}  {{ n -}}  b
{{ '}}' }} {{ "%}" }} {{ {'a': {'b': 1}}['a']['b'] }} {{ {'a': 1}}}
{{ '{{' }}{{ '{%' }}{#{{ #}{{'#}'}}
a{{ n }}
{% if yes %}x
{% endif %}

{%if yes%}a{%elif no%}b{%else%}c{%endif%}{%- if no %}a{% elif yes %}b{% endif -%}
{% if no: %}a{% else: %}b{% endif %}
{% print n, t %}
{{ n
}}{{
t
 -}}
x
{% if yes %}
{{ n }
{{ n
{% if %}a{% endif %}
{% if yes %}a
{% endif %}
{% unknown %}
{% for %}{% endfor %}
{{ 'abc }}
{# open
{% raw %}x
{{ }}
{{ a b }}
{{ 1 + }}
{{ (1 }}
{{ 1) }}
{{ [1, }}
{{ {'a' 1} }}
{{ {[]: 1} }}
{{ {'a': 1,} }} {{ [1, 2,] }} {{ (1, 2,) }} {{ dict(a=1,) }}
{{ f(a=1, 2) }}
{{ f(a=1, a=2) }}
{{ @ }}
{{ $x }}
{{ a.b. }}
{{ 1.x }}
{{ ünïcode is defined }} {{ _x is defined }} {{ True }} {{ None }} {{ none }} {{ False }}
{% extends 'x' %}
{% include 'x' %}
{% import 'x' as y %}
{% macro m(a=1, b) %}{% endmacro %}
{% macro 1m() %}{% endmacro %}
{% call n %}{% endcall %}
{% generation %}{{ n }}{% set q = 1 %}{% endgeneration %}{{ q is defined }}
{% for i in l %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %};{% endfor %}
a{% macro m() %}b{% generation %}c{% endgeneration %}{% endmacro %}{{ m() }}{% set x %}d{% generation %}e{% endgeneration %}{% endset %}{{ x }}
a{% generation %}b{% generation %}c{% endgeneration %}{% endgeneration %}👋{% generation %}d{% endgeneration %}
{% generation %}x
{% for i in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
{{ 'a' * 5 }}{{ range(100001) }}
{{ range(100000) | length }}
{{ d.items()[0] is defined }} {{ (d.items() | list)[0] }} {{ (d.items() | list)[0][1] }} {{ d | list | first }} {{ people[0].name }} {{ people[0]['tags'][0] }} {{ people[-1].tags | length }} {{ people.0.name }}
{{ (l | map('string'))[0] is defined }} {{ [l | map('string')] | length }} {{ (l | map('string') | list)[0] + 'x' }}
{% set g = l | map('string') %}{{ g | list }}{{ g | list }}{% if g %}true{% endif %}
{% set found = namespace(x=none) %}{% for p in people if found.x is none %}{% set found.x = p.name %}{{ p.name }}{% endfor %}
{{ people | tojson }}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{{ '{} {}'.format('a', 'b') }}
{{ [1, 2, 3] == [1, 2, 3] }} {{ 'a' != 'b' != 'c' }} {{ 1 in [1] == true }} {{ 2 * 3 in [6] }} {{ not 1 in [2] }} {{ 1 if 1 in [1] else 2 }}
{{ -n }} {{ - n | abs }} {{ -3 | abs }} {{ +n }} {{ -(1 + 2) }} {{ 2 - -2 }} {{ not -1 }} {{ -f }} {{ -1 ** 2 }}
{{ n.bit_length is defined }} {{ f.is_integer is defined }} {{ nil.__class__ is defined }}
{{ 'a\'b' }} {{ "a\"b" }} {{ 'tab\tend' }} {{ '\\n' }} {{ '\0' | length }}
{{ 0.1 }} {{ 100.0 }} {{ 1e15 }} {{ 123456789012345680.0 }} {{ 1e22 }} {{ 1.5e-5 }} {{ 0.0001 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }} {{ 2.0 ** 0.5 }} {{ 1e23 }} {{ 9007199254740993.0 }} {{ 4.35 }} {{ 0.3 - 0.1 }}
{{ 2 ** 0.5 }} {{ 4 ** -2 }} {{ 0 ** 0 }} {{ (-8) ** 2 }} {{ 1e5 // 3 }} {{ -1e5 % 7 }} {{ 6 % 4.5 }} {{ 3 // -2.0 }}
{{ x.y if x is defined else 'z' }} {{ (d or {}).get('b') }} {{ (nil or []) | length }} {{ d.get('ü')[0] }}
{{ ['a', 'b'] | join(', ') if l else 'none' }} {{ l | length > 2 }} {{ l | length - 1 }} {{ 'a' ~ l | length }} {{ l | first + 1 }} {{ 1 + l | first }}
{{ loop }} {{ caller is defined }} {{ varargs is defined }} {{ messages is defined }} {{ tools is none }} {{ add_generation_prompt }}
{% set message = {'role': 'user'} %}{{ message.content is defined }} {{ message['content'] is none }} {{ message.get('content') is none }} {{ message.role == 'user' }} {{ 'content' in message }} {{ message.content is string }} {{ message.content }}|
{% if message %}{% endif %}{% if d and l and not empty %}ok{% endif %}{% if 0.0 or '' or [] or {} or () or none or range(0) or missing %}x{% else %}false{% endif %}
{% set x = 3 %}{% macro m(x) %}{{ x }}{% endmacro %}{{ m() is string }}{{ m(x) }}{{ m(none) }}{{ m(missing) }}
{% macro m(x='d') %}[{{ x }}]{% endmacro %}{{ m() }}{{ m(missing) }}{{ m(none) }}
{% for i in [1, 2] %}{{ n }}|{% endfor %}{% set n = 'set' %}{% for i in [1, 2] %}{{ n }}|{% endfor %}
{{ n }}{% for i in [1, 2] %}{{ n }}|{% endfor %}{% set n = 'set' %}{% for i in [1, 2] %}{{ n }}|{% endfor %}
{% for i in [1, 2] %}{{ n }}|{% endfor %}{% if yes %}{% set n = 'set' %}{% endif %}{% for i in [1, 2] %}{{ n }}|{% endfor %}
{% for i in [1, 2] %}{{ n }}|{% endfor %}{% if no %}{% set n = 'set' %}{% else %}{% set n = 'other' %}{% endif %}{{ n }}
{% for i in [1, 2] %}{{ n }}{% set n = i %}{{ n }}|{% endfor %}{{ n }}
{% for i in [1, 2] %}{% set n = i %}{{ n }}|{% endfor %}{{ n }}{% set n = 'set' %}{{ n }}
{% macro m() %}{{ n }}{% endmacro %}{{ m() }}|{% set n = 'set' %}{{ m() }}
{% macro m() %}{{ n }}{% set n = 1 %}{{ n }}{% endmacro %}{{ m() }}|{{ n }}{{ m() }}
{% set x %}{{ n }}{% endset %}{% set n = 'set' %}{{ x }}|{% filter upper %}{{ n }}{% endfilter %}
{% with x = n %}{{ x }}{{ n }}{% endwith %}{% set n = 'set' %}{% with n = n %}{{ n }}{% endwith %}
{% generation %}{{ n }}{% endgeneration %}{% set n = 'set' %}{% generation %}{{ n }}{% set n = 1 %}{% endgeneration %}{{ n }}
{% for i in [1] if n == 7 %}{{ i }}{% else %}none{% endfor %}{% set n = 'set' %}
{% if m is defined %}{{ m() }}{% endif %}{% for i in [1, 2] %}{% if i == 2 %}{{ m() }}{% endif %}{% endfor %}{% macro m() %}x{% endmacro %}
{% macro m(a=b, b='d') %}{{ a }}{{ b }}{% endmacro %}{{ m() }}|{{ m(b='x') }}|{{ m('y') }}
{% for i in [1, 2] %}{% if i == 1 %}{% set x = n %}{% endif %}{{ x }}|{% endfor %}
{% for i in [1, 2] %}{% break %}{% else %}none{% endfor %}{% for i in [1, 2] %}{% continue %}{% else %}none{% endfor %}{% for i in [1, 2] %}{% if i == 2 %}{% break %}{% endif %}{% else %}none{% endfor %}
{% for i in [1] %}{% set loop = 1 %}{% endfor %}
{% for loop in [1] %}{% endfor %}
{% for i in [1, 2] %}{{ loop }}{% endfor %}{% macro m() %}{% endmacro %}{{ m }}
{% for m in people %}{{ loop.index }}{{ m.name }}{% set last = m.name %}{% endfor %}{{ last is defined }}
{% for x in [1, 2] %}{% for x in 'ab' %}{{ x }}{% endfor %}{{ x }}{% endfor %}{{ x is defined }}
{% set x = [] %}{% for i in l %}{% set x = x + [i] %}{% endfor %}{{ x }}
{% set _ = d.get('a') %}{{ _ }}
{% if n is odd and n > 5 or no %}yes{% endif %}{% if (n, f) == (7, 2.5) %}tuple{% endif %}{% if n, %}one{% endif %}
{% for x in 1, 2 %}{{ x }}{% endfor %}{{ 1, 2 }}
{% for x in l recursive %}{{ x }}{% endfor %}
{% block a %}{% endblock %}
{{ cycler('a') }}
{{ x | urlize }}
""".lstrip('\n')

def split(text):
    """A snippet is a line; lines that begin none of their own belong to the one before."""
    return [line for line in text.split('\n') if line]

# snippets of several lines, which the list above cannot hold
MORE = [
    '  {% if yes %}\n  a\n  {% endif %}\nb\n', 'a {%+ if yes %}\nb{% endif +%}\nc', '  {#- x -#}  a  {# y #}\nb {# multi\nline #} c\n\n',
    '{% raw %}\na\n{% endraw %}\nb', '  {%- raw %}\n  a\n  {%- endraw %}\nb', 'a\n  {{- n }}  {{ n -}}  b\n   {{ n }}\n  {%- set x = 1 %}\n  c',
    '{% if yes %}x\n{% endif %}\n\n', '{{ n\n}}{{\nt\n -}}\nx', 'a\r\nb\r{% if yes %}\r\nc{% endif %}', "{{ 'a\nb' }}{{ 'a\\\nb' }}",
    '{%- for i in l %}\n    {{- i }}\n    {%- if not loop.last %}, {% endif %}\n{%- endfor %}\n', '\t{% set x = 1 %}\t\n {{ x }}\n\t{# c #}\n{% set y = 2 %}{{ y }}',
    '{% for i in l %}\n  {{ i }}\n{% endfor %}\n{% for i in l -%}\n  {{ i }}\n{%- endfor %}', '\n\n{% set x = 1 %}\n\n{{ x }}\n\n', '{% macro m(a) %}\n  <{{ a }}>\n{% endmacro %}\n{{ m(1) }}{{ m(2) }}',
    'x {# a #}{% if yes %}\ny\n{% endif %} z', '  {{ n }}\n  {{- n }}\n', '{% generation %}\n  a\n{% endgeneration %}\nb', '\u00a0{%- if yes %}\u2003 a{% endif %}', '{#\n#}\n{#-#}\n{#--#}x',
    '{{ l\n  | map("string")\n  | join(",") }}', '{% if yes %}{# c #}\n{% endif %}\n{# c #}\na', '\x0b{% if yes %}\x0c a{% endif %}', '', '\n', '\n\n', 'a\n', ' {# x #} ', '{%- set a = 1 -%}\n\n', 'a{{ "" }}\n{% if yes %}\n{% endif %}',
]

def render(template):
    try:
        text, spans = utils.render_jinja_template(
            conversations=[[]], chat_template=template, return_assistant_tokens_mask='{% generation' in template, **json.loads(json.dumps(VALUES)))
        return dict(template=template, text=text[0], **(dict(generation=spans[0]) if spans else {}))
    except Exception as e:
        return dict(template=template, error=f'{type(e).__name__}: {e}'[:100])

if __name__ == '__main__':
    here = os.path.dirname(os.path.abspath(__file__))
    out = dict(values=VALUES, time='2026-11-08T09:05:07', snippets=[render(each) for each in split(SNIPPETS) + MORE])
    json.dump(out, open(os.path.join(here, 'snippets.json'), 'w'), ensure_ascii=False, indent=1)
    print(len(out['snippets']), 'snippets', sum('error' in each for each in out['snippets']), 'errors')
