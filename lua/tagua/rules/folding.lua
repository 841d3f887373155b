--- Brings names that look alike to one form: case of ASCII letters, full-width forms, and Latin letters whose
-- marks are written as one character or as several. No more than that: Greek and Cyrillic case, half-width
-- kana and the compatibility forms of Chinese characters are left as they are. Pure.
-- @module tagua.rules.folding
local M = {}

-- The combining marks, by the sign that stands for each below.
local MARKS = {
  ["`"] = 0x300, ["'"] = 0x301, ["^"] = 0x302, ["~"] = 0x303, ["-"] = 0x304, ["("] = 0x306,
  ["."] = 0x307, [":"] = 0x308, ["?"] = 0x309, ["o"] = 0x30A, ["\""] = 0x30B, ["v"] = 0x30C,
  ["+"] = 0x31B, ["!"] = 0x323, [","] = 0x327, [";"] = 0x328,
}

-- A letter, its base, and its marks, as Unicode decomposes it (NFD): Latin-1, Latin Extended-A, the letters of
-- Pinyin and Vietnamese.
local LETTERS = [==[
  ÀA` ÁA' ÂA^ ÃA~ ÄA: ÅAo ÇC, ÈE` ÉE' ÊE^ ËE: ÌI` ÍI' ÎI^ ÏI: ÑN~ ÒO` ÓO' ÔO^ ÕO~ ÖO: ÙU` ÚU' ÛU^ ÜU:
  ÝY' àa` áa' âa^ ãa~ äa: åao çc, èe` ée' êe^ ëe: ìi` íi' îi^ ïi: ñn~ òo` óo' ôo^ õo~ öo: ùu` úu' ûu^
  üu: ýy' ÿy: ĀA- āa- ĂA( ăa( ĄA; ąa; ĆC' ćc' ĈC^ ĉc^ ĊC. ċc. ČCv čcv ĎDv ďdv ĒE- ēe- ĔE( ĕe( ĖE. ėe.
  ĘE; ęe; ĚEv ěev ĜG^ ĝg^ ĞG( ğg( ĠG. ġg. ĢG, ģg, ĤH^ ĥh^ ĨI~ ĩi~ ĪI- īi- ĬI( ĭi( ĮI; įi; İI. ĴJ^ ĵj^
  ĶK, ķk, ĹL' ĺl' ĻL, ļl, ĽLv ľlv ŃN' ńn' ŅN, ņn, ŇNv ňnv ŌO- ōo- ŎO( ŏo( ŐO" őo" ŔR' ŕr' ŖR, ŗr, ŘRv
  řrv ŚS' śs' ŜS^ ŝs^ ŞS, şs, ŠSv šsv ŢT, ţt, ŤTv ťtv ŨU~ ũu~ ŪU- ūu- ŬU( ŭu( ŮUo ůuo ŰU" űu" ŲU; ųu;
  ŴW^ ŵw^ ŶY^ ŷy^ ŸY: ŹZ' źz' ŻZ. żz. ŽZv žzv ƠO+ ơo+ ƯU+ ưu+ ǍAv ǎav ǏIv ǐiv ǑOv ǒov ǓUv ǔuv ǕU:-
  ǖu:- ǗU:' ǘu:' ǙU:v ǚu:v ǛU:` ǜu:` ẠA! ạa! ẢA? ảa? ẤA^' ấa^' ẦA^` ầa^` ẨA^? ẩa^? ẪA^~ ẫa^~ ẬA!^ ậa!^
  ẮA(' ắa(' ẰA(` ằa(` ẲA(? ẳa(? ẴA(~ ẵa(~ ẶA!( ặa!( ẸE! ẹe! ẺE? ẻe? ẼE~ ẽe~ ẾE^' ếe^' ỀE^` ềe^` ỂE^?
  ểe^? ỄE^~ ễe^~ ỆE!^ ệe!^ ỈI? ỉi? ỊI! ịi! ỌO! ọo! ỎO? ỏo? ỐO^' ốo^' ỒO^` ồo^` ỔO^? ổo^? ỖO^~ ỗo^~
  ỘO!^ ộo!^ ỚO+' ớo+' ỜO+` ờo+` ỞO+? ởo+? ỠO+~ ỡo+~ ỢO+! ợo+! ỤU! ụu! ỦU? ủu? ỨU+' ứu+' ỪU+` ừu+` ỬU+?
  ửu+? ỮU+~ ữu+~ ỰU+! ựu+! ỲY` ỳy` ỴY! ỵy! ỶY? ỷy? ỸY~ ỹy~
]==]

local decomposed = {}
for letter, base, signs in LETTERS:gmatch("([\xC3-\xE1][\x80-\xBF]+)(%a)(%S+)") do
  local parts = { base }
  for sign in signs:gmatch(".") do
    parts[#parts + 1] = utf8.char(MARKS[sign])
  end
  decomposed[utf8.codepoint(letter)] = table.concat(parts)
end

--- The form that a name has in common with those that differ from it in case, width or normalisation.
-- @tparam string name UTF-8
-- @treturn string
function M.fold(name)
  if not utf8.len(name) then return name:lower() end
  local parts = {}
  for _, point in utf8.codes(name) do
    if point >= 0xFF01 and point <= 0xFF5E then
      point = point - 0xFEE0
    elseif point == 0x3000 or point == 0xA0 then
      point = 0x20
    end
    parts[#parts + 1] = decomposed[point] or utf8.char(point)
  end
  return (table.concat(parts):lower())
end

--- What two names that fold to the same differ in.
-- @treturn string
function M.difference(a, b)
  if a:lower() == b:lower() then return "case" end
  local wide = "\xEF\xBC[\x81-\xBF]"
  for _, name in ipairs({ a, b }) do
    if name:find(wide) or name:find("\xEF\xBD") or name:find("\u{3000}", 1, true) then
      return "the width of characters"
    end
  end
  return "how characters are composed"
end

return M
