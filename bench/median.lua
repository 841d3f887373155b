-- Reads numbers, one a line, and prints the median: lua5.4 bench/median.lua [FORMAT]
local numbers = {}
for number in io.lines("/dev/stdin", "n") do numbers[#numbers + 1] = number end
table.sort(numbers)
assert(#numbers > 0, "no numbers to take the median of")
local middle = #numbers // 2
local median = #numbers % 2 == 1 and numbers[middle + 1] or (numbers[middle] + numbers[middle + 1]) / 2
print((arg[1] or "%.2f"):format(median))
